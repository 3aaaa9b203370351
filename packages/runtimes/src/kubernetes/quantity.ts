const factors: { readonly [suffix: string]: bigint } = {
  "": 1n,
  k: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
  P: 1000n ** 5n,
  E: 1000n ** 6n,
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};

/** Bytes of a Kubernetes quantity (`1Gi`, `1500M`, `1e9`, `0.5Gi`); 0 of none, and of what is none. */
export const toBytes = (quantity: string | undefined): bigint => {
  const found = /^(\d+)(?:\.(\d{1,9}))?(?:e(\d{1,2}))?([kMGTPE]i?|Ki)?$/.exec(quantity ?? "");
  if (!found) return 0n;
  const [, whole = "0", fraction = "", exponent = "0", suffix = ""] = found;
  const scale = 10n ** BigInt(fraction.length);
  return (BigInt(`${whole}${fraction}`) * 10n ** BigInt(exponent) * (factors[suffix] ?? 1n)) / scale;
};
