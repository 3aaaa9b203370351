import type { ChainSpec } from "@portolan/domain";
import { besuSettings } from "../src/besu/settings.ts";

/** A Besu chain as a tenant wants it; all that is not said is the default. */
export const besuSpec = (settings: object = {}, rest: Partial<ChainSpec> = {}): ChainSpec => ({
  chainId: "chn_01jd00000000000000000000be",
  tenantId: "ten_01jd00000000000000000000aa",
  name: "settlement",
  framework: "besu",
  version: "26.9.0",
  plan: "standard",
  settings: JSON.parse(JSON.stringify(besuSettings.parse(settings))),
  regions: ["local"],
  parts: [],
  generation: 1,
  serial: 44,
  ...rest,
});
