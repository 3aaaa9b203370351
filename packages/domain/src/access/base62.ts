const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A non-negative integer in base 62 (digits, upper case, lower case), padded with `0` to `length`. */
export const toBase62 = (value: bigint, length: number): string => {
  let rest = value;
  let text = "";
  for (let index = 0; index < length; index++) {
    text = alphabet.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  if (rest !== 0n || value < 0n) throw new RangeError(`The value does not fit ${length} characters of base 62.`);
  return text;
};
