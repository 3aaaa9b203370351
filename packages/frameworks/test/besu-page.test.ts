import { describe, expect, it } from "vitest";
import { besuPlans, limitsOf } from "../src/besu/plans.ts";
import { besuSettings } from "../src/besu/settings.ts";
import { publicChainsSource } from "../src/evm/public-chains/public-chain.ts";
import { openPage, toGibibytes } from "./framework-page.ts";

const page = openPage("besu");

describe("docs/frameworks/besu.md", () => {
  it("has a row for each setting, with its description", () => page.hasSettings(besuSettings.shape));

  it("says what the plans have", () => {
    const of = (plan: string) => limitsOf({ plan });
    page.hasPlans(besuPlans, {
      "CPU, memory of each node": (plan) => `${of(plan).cpuMillis / 1_000}, ${toGibibytes(of(plan).memoryBytes)}`,
      "storage of each": (plan) => toGibibytes(of(plan).storageBytes),
      "validators by default, and at most": (plan) => `${of(plan).validators}, ${of(plan).maxValidators}`,
      "nodes for callers by default, and at most": (plan) => `${of(plan).rpcNodes}, ${of(plan).maxRpcNodes}`,
    });
  });

  it("names the list of public networks that is looked at", () => {
    expect(page.text).toContain(publicChainsSource.split(" (")[0]);
  });
});
