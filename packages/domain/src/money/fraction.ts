/** An exact rational number; `denominator` > 0. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** `numerator / denominator` to the nearest whole number, halves to the even one. Throws RangeError for denominator 0. */
export const roundHalfEven = (numerator: bigint, denominator: bigint): bigint => {
  if (denominator === 0n) throw new RangeError("Division by zero.");
  const top = denominator < 0n ? -numerator : numerator;
  const bottom = denominator < 0n ? -denominator : denominator;
  const truncated = top / bottom;
  const rest = top % bottom;
  const floor = rest < 0n ? truncated - 1n : truncated;
  const twice = (rest < 0n ? rest + bottom : rest) * 2n;
  if (twice < bottom) return floor;
  if (twice > bottom) return floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
};

export const addFractions = (a: Fraction, b: Fraction): Fraction =>
  a.denominator === b.denominator
    ? { numerator: a.numerator + b.numerator, denominator: a.denominator }
    : {
        numerator: a.numerator * b.denominator + b.numerator * a.denominator,
        denominator: a.denominator * b.denominator,
      };

export const greatestCommonDivisor = (a: bigint, b: bigint): bigint => {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x < 0n ? -x : x;
};
