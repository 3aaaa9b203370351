import { DomainError } from "@portolan/domain";
import { seededClock } from "@portolan/testing";
import { expect, test } from "vitest";
import { createRegionReporter } from "./report-regions.ts";

const capabilities = { isolation: "none", hasStorageExpansion: true, hasSnapshots: true, exposures: [] } as const;

const setUp = () => {
  const clock = seededClock();
  const told: [string, object][] = [];
  const recovered: string[] = [];
  const broken = { isDown: true };
  const down = new DomainError({ code: "region.unreachable", message: "It is down.", hint: "Wait." });
  const reporter = createRegionReporter({
    runtimes: new Map([
      ["here", { capabilities, learn: async () => capabilities }],
      ["there", { capabilities, learn: async () => (broken.isDown ? Promise.reject(down) : capabilities) }],
      ["silent", { capabilities, learn: () => new Promise<never>(() => undefined) }],
    ]),
    report: async (region, report) => {
      told.push([region, report]);
    },
    onRecovery: (region) => {
      // After it is told: who looks by then must find a region that can be worked on.
      recovered.push(`${region} ${told.length > 0} ${reporter.canWork(region)}`);
    },
    clock,
    log: { info: () => undefined, warn: () => undefined },
  });
  return { clock, told, recovered, broken, reporter };
};

test("each region is told of by itself: one that fails or never answers keeps no other waiting", async () => {
  const { told, reporter } = setUp();
  await reporter.report(20);
  expect(Object.fromEntries(told)).toEqual({
    here: { capabilities },
    there: { problem: { code: "region.unreachable", message: "It is down.", hint: "Wait." } },
    silent: { problem: expect.objectContaining({ code: "region.unreachable" }) },
  });
  expect(["here", "there", "silent"].map(reporter.canWork)).toEqual([true, false, false]);
});

test("a region in trouble is looked at each time and is back at once; one that is well only now and then", async () => {
  const { told, broken, reporter } = setUp();
  await reporter.report(20);
  told.length = 0;
  broken.isDown = false;
  await reporter.report(20);
  expect(told.map(([region]) => region).sort()).toEqual(["silent", "there"]);
  expect(reporter.canWork("there")).toBe(true);
});

test("what waits in a region is woken when it is back, once, and not where it was never in trouble", async () => {
  const { clock, recovered, broken, reporter } = setUp();
  await reporter.report(20);
  expect(recovered).toEqual([]);
  broken.isDown = false;
  await reporter.report(20);
  clock.advance(60_000);
  await reporter.report(20);
  expect(recovered).toEqual(["there true true"]);
});
