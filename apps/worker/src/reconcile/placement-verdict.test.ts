import type { Blueprint, BlueprintNode, WorkOrder } from "@portolan/domain";
import { expect, test } from "vitest";
import { driftMs, nextLook } from "./placement-verdict.ts";

const now = new Date("2026-01-01T00:00:00Z");
const node: BlueprintNode = {
  ...{ name: "validator-1", role: "validator", ordinal: 1, version: "2", processes: [], init: [], jobs: [], files: [] },
  ...{ volumes: [], ports: [], userId: 1000, resources: { cpuMillis: 1, memoryBytes: 1 }, startAfter: [] },
};
const blueprint: Blueprint = {
  ...{ chainId: "chn_a", placementId: "plc_a", framework: "fake", rendererVersion: 7, network: [], spread: [] },
  nodes: [node],
};
const order = (rest: Partial<WorkOrder>): WorkOrder => ({
  ...{ generation: 1, action: "run", nodes: [], steps: [], blueprint },
  chain: { chainId: "chn_a", framework: "fake", version: "1", settings: {} },
  ...rest,
});
const waitMs = (rest: Partial<WorkOrder>, rendererVersion = 7) => {
  const seen = {
    node: "validator-1",
    state: "running",
    incarnation: 1,
    appliedHash: "former",
    rendererVersion,
  } as const;
  return (nextLook(order(rest), { nodes: [seen] }, now)?.getTime() ?? 0) - now.getTime();
};

test("who waits for its turn waits for what is seen next, so that is soon", () => {
  expect(waitMs({ only: ["validator-0"] })).toBeLessThan(driftMs / 4);
  expect(waitMs({ only: ["validator-0", "validator-1"] })).toBe(driftMs);
  expect(waitMs({})).toBe(driftMs);
});

test("what only a new release writes differently may wait for long, and is looked at as seldom as ever", () => {
  expect(waitMs({ only: ["validator-0"] }, 6)).toBe(driftMs);
});

test("what rests is looked at seldom, and what is gone not at all", () => {
  expect(waitMs({ action: "stop" })).toBeGreaterThan(driftMs);
  expect(nextLook(order({ action: "purge" }), { nodes: [] }, now)).toBeNull();
});
