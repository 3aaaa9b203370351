const units: { readonly [unit: string]: number } = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  ns: 0.000_001,
};

/** Milliseconds of a duration as Go writes it (`1m30s`, `250ms`, `1.5s`); NaN for anything else. */
export const toMilliseconds = (text: string): number => {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/g)];
  if (parts.length === 0 || parts.map(([all]) => all).join("") !== text) return Number.NaN;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? Number.NaN), 0);
};
