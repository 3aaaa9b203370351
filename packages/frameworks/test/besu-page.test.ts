import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { besuPlans, limitsOf } from "../src/besu/plans.ts";
import { besuSettings } from "../src/besu/settings.ts";
import { publicChainsSource } from "../src/evm/public-chains/public-chain.ts";

const page = readFileSync(new URL("../../../docs/frameworks/besu.md", import.meta.url), "utf8");
const rowOf = (start: string): string => page.split("\n").find((line) => line.startsWith(`| ${start} |`)) ?? "";

describe("docs/frameworks/besu.md", () => {
  it("has a row for each setting, with its description", () => {
    for (const [name, setting] of Object.entries(besuSettings.shape))
      expect(rowOf(`\`${name}\``), name).toContain(setting.description ?? "described");
  });

  it("says what the plans have", () => {
    const cells = (of: (plan: string) => string): string => besuPlans.map(({ plan }) => of(plan)).join(" | ");
    const gibibytes = (bytes: number): string => `${bytes / 2 ** 30} GiB`;
    const rows: { [start: string]: (plan: string) => string } = {
      "CPU, memory of each node": (plan) =>
        `${limitsOf({ plan }).cpuMillis / 1_000}, ${gibibytes(limitsOf({ plan }).memoryBytes)}`,
      "storage of each": (plan) => gibibytes(limitsOf({ plan }).storageBytes),
      "validators by default, and at most": (plan) =>
        `${limitsOf({ plan }).validators}, ${limitsOf({ plan }).maxValidators}`,
      "nodes for callers by default, and at most": (plan) =>
        `${limitsOf({ plan }).rpcNodes}, ${limitsOf({ plan }).maxRpcNodes}`,
    };
    for (const [start, of] of Object.entries(rows)) expect(rowOf(start)).toBe(`| ${start} | ${cells(of)} |`);
  });

  it("names the list of public networks that is looked at", () => {
    expect(page).toContain(publicChainsSource.split(" (")[0]);
  });
});
