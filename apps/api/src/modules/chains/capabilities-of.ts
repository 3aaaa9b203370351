import type { RuntimeCapabilities } from "@portolan/frameworks";
import type { RegionRow } from "@portolan/store";

/** What each region's worker said last that it can do; null: none has said anything. */
export const capabilitiesOf = (rows: readonly RegionRow[]): (RuntimeCapabilities | null)[] =>
  rows.map(({ capabilities }) => capabilities as unknown as RuntimeCapabilities | null);
