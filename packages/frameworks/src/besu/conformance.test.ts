import { describe, it } from "vitest";
import { besuSpec } from "../../test/besu-spec.ts";
import { describeFrameworkConformance } from "../conformance/conformance.ts";
import { besu } from "./besu.ts";

const account = `0x${"ab".repeat(20)}`;

describeFrameworkConformance(besu, {
  runner: { describe, it },
  specs: [
    { name: "one validator", spec: besuSpec({}, { plan: "dev" }) },
    {
      name: "a second life in two regions, priced and permissioned",
      spec: besuSpec(
        {
          validators: 5,
          retiredValidators: [1],
          gas: "priced",
          allocations: [{ address: account, balanceEther: "1000000" }],
          permissions: { accounts: [account], nodes: true },
          contractSizeLimit: 65_536,
        },
        { regions: ["a", "b"] },
      ),
    },
    { name: "one validator leaving", spec: besuSpec({ retiredValidators: [1] }, { leaving: ["validator-1"] }) },
  ],
});
