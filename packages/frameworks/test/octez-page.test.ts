import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { taquitoVersion } from "../src/octez/documents/taquito-snippet.ts";
import { limitsOf, octezPlans } from "../src/octez/plans.ts";
import { octezImage, octezVersion } from "../src/octez/programs.ts";
import { toProtocolName } from "../src/octez/protocols/constants-of.ts";
import { ushuaia } from "../src/octez/protocols/ushuaia.ts";
import { octezSettings } from "../src/octez/settings.ts";

const page = readFileSync(new URL("../../../docs/frameworks/octez.md", import.meta.url), "utf8");
const rowOf = (start: string): string => page.split("\n").find((line) => line.startsWith(`| ${start} |`)) ?? "";

describe("docs/frameworks/octez.md", () => {
  it("has a row for each setting, with its description", () => {
    for (const [name, setting] of Object.entries(octezSettings.shape))
      expect(rowOf(`\`${name}\``), name).toContain(setting.description ?? "described");
  });

  it("names each constant that can be chosen, with what it is otherwise", () => {
    const sentence = page.split("\n").find((line) => line.startsWith("Constants, under")) ?? "";
    for (const name of Object.keys(octezSettings.shape.constants.unwrap().shape))
      expect(sentence).toContain(`\`${name}\``);
    const known = [...sentence.matchAll(/`(\w+)` \((\d+)/g)];
    expect(known.length).toBeGreaterThan(7);
    for (const [, name = "", value] of known) expect(String(ushuaia.constants[toProtocolName(name)]), name).toBe(value);
  });

  it("says what the plans have, and which programs", () => {
    const cells = (of: (plan: string) => string): string => octezPlans.map(({ plan }) => of(plan)).join(" | ");
    const gibibytes = (bytes: number): string => `${bytes / 2 ** 30} GiB`;
    const rows: { [start: string]: (plan: string) => string } = {
      "CPU, memory of each node": (plan) =>
        `${limitsOf({ plan }).cpuMillis / 1_000}, ${gibibytes(limitsOf({ plan }).memoryBytes)}`,
      "storage of each": (plan) => gibibytes(limitsOf({ plan }).storageBytes),
      "bakers, at most": (plan) => String(limitsOf({ plan }).maxBakers),
      "nodes for callers, at most": (plan) => String(limitsOf({ plan }).maxRpcNodes),
    };
    for (const [start, of] of Object.entries(rows)) expect(rowOf(start)).toBe(`| ${start} | ${cells(of)} |`);
    for (const words of [octezImage(octezVersion), `octez@${octezVersion}`, `@taquito/taquito@${taquitoVersion}`])
      expect(page).toContain(words);
  });
});
