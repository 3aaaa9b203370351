import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeEnd } from "./describe-end.ts";

const record = { startedAt: "2026-11-23T12:00:00Z", intentAt: "2026-11-23T12:00:00Z", failures: 1 };

/** Why a program is gone whose log ends so. */
const ending = (log: string) => {
  const home = mkdtempSync(join(tmpdir(), "portolan-end-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const logs = join(home, "logs");
  mkdirSync(logs);
  writeFileSync(join(logs, "baker.log"), log);
  type Input = Parameters<typeof describeEnd>;
  const context = { layout: { logs: () => logs }, exits: { get: () => undefined }, state: { placementId: "plc_1" } };
  return describeEnd(context as unknown as Input[0], "baker-0", "baker", record as unknown as Input[3], 1, []);
};

test("a program that says what the machine lacks is told of with how to get it", () => {
  const places = ["/root/.zcash-params", "/usr/local/share/zcash-params", "/usr/share/zcash-params"];
  const words = `cannot find Zcash params in any of:\n${places.map((at) => `- ${at}`).join("\n")}\n You may download them using https://raw.githubusercontent.com/zcash/zcash/0/zcutil/fetch-params.sh\n`;
  expect(ending(words)).toMatchObject({
    reason: "exited",
    message: expect.stringContaining("The program baker ended"),
    hint: expect.stringContaining("sapling-spend.params"),
  });
});

test("of any other end it is said that it is started again", () => {
  expect(ending("out of luck\n").hint).toBe("It is started again by itself.");
});
