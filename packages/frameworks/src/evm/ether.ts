/** Ether as a decimal text → wei. Exact: no doubles. */
export const toWei = (ether: string): bigint => {
  const [whole = "0", fraction = ""] = ether.split(".");
  return BigInt(whole) * 10n ** 18n + BigInt(fraction.padEnd(18, "0"));
};
