import { describe, it } from "vitest";
import { octezSigner, octezSpec } from "../../test/octez-spec.ts";
import { describeFrameworkConformance } from "../conformance/conformance.ts";
import { octez } from "./octez.ts";

describeFrameworkConformance(octez, {
  runner: { describe, it },
  signer: octezSigner,
  specs: [
    { name: "one baker, one RPC node", spec: octezSpec({}, { plan: "dev" }) },
    {
      name: "three bakers in two regions, with accounts and constants",
      spec: octezSpec(
        {
          protocol: "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY",
          bakers: 3,
          rpcNodes: 2,
          historyMode: "archive",
          accounts: [
            { address: "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx", balanceTez: "1000.000001" },
            { publicKey: "edpkuSLWfVU1Vq7Jg9FucPyKmma6otcMHac9zG4oU1KMHSTBpJuGQ2", balanceTez: "0" },
          ],
          constants: { minimalBlockDelay: 2, blocksPerCycle: 64 },
        },
        { regions: ["here", "there"] },
      ),
    },
  ],
});
