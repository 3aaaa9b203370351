import { describe, it } from "vitest";
import { anvilSpec } from "../../test/anvil-spec.ts";
import { describeFrameworkConformance } from "../conformance/conformance.ts";
import { anvil } from "./anvil.ts";

describeFrameworkConformance(anvil, {
  runner: { describe, it },
  specs: [
    { name: "defaults", spec: anvilSpec() },
    {
      name: "standard, with everything set",
      spec: anvilSpec({ chainId: 31337, accounts: 50, blockTimeSeconds: 2, hardfork: "cancun" }, { plan: "standard" }),
    },
    {
      name: "a fork",
      spec: anvilSpec({ fork: { network: "sepolia", blockNumber: 7_000_000 } }),
      operator: {
        forks: [{ name: "sepolia", url: "https://user:pass@rpc.example/key", chainId: 11_155_111 }],
        forwarderUrl: "http://127.0.0.1:4999",
      },
    },
  ],
});
