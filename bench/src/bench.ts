/** What one benchmark measured, with what it is held against. */
export interface BenchResult {
  name: string;
  /** One line a claim: what was measured, its bound, whether it holds. */
  claims: readonly Claim[];
  /** Everything else worth keeping, flat. */
  figures: { readonly [name: string]: number | string };
  method: string;
}

export interface Claim {
  what: string;
  value: number;
  bound: number;
  unit: "×" | "ms" | "s" | "/s" | "MiB";
}

export const isMet = ({ value, bound }: Claim): boolean => value <= bound;

const round = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

/** For the screen. */
export const render = ({ name, claims, figures, method }: BenchResult): string =>
  [
    name,
    ...claims.map(
      (claim) =>
        `  ${isMet(claim) ? "met   " : "MISSED"}  ${claim.what}: ${round(claim.value)} ${claim.unit} (at most ${claim.bound} ${claim.unit})`,
    ),
    ...Object.entries(figures).map(
      ([key, value]) => `          ${key}: ${typeof value === "number" ? round(value) : value}`,
    ),
    `          ${method}`,
  ].join("\n");
