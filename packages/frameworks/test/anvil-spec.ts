import { createHash } from "node:crypto";
import type { ChainSpec, Random } from "@portolan/domain";
import { anvilSettings } from "../src/anvil/settings.ts";

export const anvilSpec = (settings: object = {}, rest: Partial<ChainSpec> = {}): ChainSpec => ({
  chainId: "chn_01jd00000000000000000000aa",
  tenantId: "ten_01jd00000000000000000000aa",
  name: "first",
  framework: "anvil",
  version: "1.7.1",
  plan: "dev",
  settings: anvilSettings.parse(settings),
  regions: ["local"],
  parts: [],
  generation: 1,
  serial: 42,
  ...rest,
});

export const seededRandom = (seed = "seed"): Random => {
  let count = 0;
  return {
    bytes: (size) =>
      new Uint8Array(createHash("shake256", { outputLength: size }).update(`${seed} ${count++}`).digest()),
  };
};
