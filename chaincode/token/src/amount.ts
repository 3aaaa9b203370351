/** As many units as ERC-20 could count: amounts stay below 2^256. */
const limit = 2n ** 256n;

/** A positive whole number of the smallest unit. Throws on anything else: signs, fractions, leading zeros. */
export const toAmount = (text: string): bigint => {
  const amount = /^[1-9][0-9]{0,77}$/.test(text) ? BigInt(text) : 0n;
  if (amount === 0n || amount >= limit) throw new Error("an amount is a positive whole number below 2^256");
  return amount;
};

/** The sum, unless it is more than can be counted. */
export const add = (a: bigint, b: bigint): bigint => {
  if (a + b >= limit) throw new Error("the sum would be 2^256 or more");
  return a + b;
};

export const checkAccount = (account: string): string => {
  if (account.startsWith("x509::") && Buffer.byteLength(account) <= 2_048 && !account.includes("\0")) return account;
  throw new Error("an account is a client's id, as clientAccount answers it");
};

export const checkName = (name: string): string => {
  if (name.length > 0 && Buffer.byteLength(name) <= 64) return name;
  throw new Error("a name has 1 to 64 bytes");
};
