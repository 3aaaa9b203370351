import type { ChainSpec, PartSpec } from "@portolan/domain";
import { fabricSettings } from "../src/fabric/settings.ts";

/** A Fabric chain as a tenant wants it; all that is not said is the default. */
export const fabricSpec = (settings: object = {}, rest: Partial<ChainSpec> = {}): ChainSpec => ({
  chainId: "chn_01jd00000000000000000000fa",
  tenantId: "ten_01jd00000000000000000000aa",
  name: "consortium",
  framework: "fabric",
  version: "3.1.5",
  plan: "dev",
  settings: JSON.parse(JSON.stringify(fabricSettings.parse(settings))),
  regions: ["local"],
  parts: [],
  generation: 1,
  serial: 43,
  ...rest,
});

export const catalogueChaincode = (name: string, source = "asset-transfer"): PartSpec => ({
  id: "cco_01jd00000000000000000000aa",
  kind: "chaincode",
  name,
  settings: { channel: "main", source: { kind: "catalogue", name: source }, version: "1.0" },
  generation: 1,
});
