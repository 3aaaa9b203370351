import { describe, expect, it } from "vitest";
import { taquitoVersion } from "../src/octez/documents/taquito-snippet.ts";
import { limitsOf, octezPlans } from "../src/octez/plans.ts";
import { octezImage, octezVersion } from "../src/octez/programs.ts";
import { toProtocolName } from "../src/octez/protocols/constants-of.ts";
import { ushuaia } from "../src/octez/protocols/ushuaia.ts";
import { octezSettings } from "../src/octez/settings.ts";
import { openPage, toGibibytes } from "./framework-page.ts";

const page = openPage("octez");

describe("docs/frameworks/octez.md", () => {
  it("has a row for each setting, with its description", () => page.hasSettings(octezSettings.shape));

  it("names each constant that can be chosen, with what it is otherwise", () => {
    const sentence = page.text.split("\n").find((line) => line.startsWith("Constants, under")) ?? "";
    for (const name of Object.keys(octezSettings.shape.constants.unwrap().shape))
      expect(sentence).toContain(`\`${name}\``);
    const known = [...sentence.matchAll(/`(\w+)` \((\d+)/g)];
    expect(known.length).toBeGreaterThan(7);
    for (const [, name = "", value] of known) expect(String(ushuaia.constants[toProtocolName(name)]), name).toBe(value);
  });

  it("says what the plans have, and which programs", () => {
    const of = (plan: string) => limitsOf({ plan });
    page.hasPlans(octezPlans, {
      "CPU, memory of each node": (plan) => `${of(plan).cpuMillis / 1_000}, ${toGibibytes(of(plan).memoryBytes)}`,
      "storage of each": (plan) => toGibibytes(of(plan).storageBytes),
      "bakers, at most": (plan) => String(of(plan).maxBakers),
      "nodes for callers, at most": (plan) => String(of(plan).maxRpcNodes),
    });
    for (const words of [octezImage(octezVersion), `octez@${octezVersion}`, `@taquito/taquito@${taquitoVersion}`])
      expect(page.text).toContain(words);
  });
});
