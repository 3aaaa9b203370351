import type { NodeObservation, OperationError, StepResult } from "@portolan/domain";
import { expect, test } from "vitest";
import { type PartInput, toPartChanges } from "./part-progress.ts";

const now = new Date("2026-01-01T00:01:00Z");
const startedAt = new Date("2026-01-01T00:00:00Z");
const later: OperationError = { code: "step.refused", message: "The server does not answer.", retryable: true };
const never: OperationError = { code: "step.failed", message: "No such function.", retryable: false };
const down: NodeObservation = {
  node: "server-0",
  state: "failed",
  incarnation: 0,
  reason: "starting",
  message: "down",
};
const denied: NodeObservation = { ...down, reason: "image_denied", message: "The registry refuses." };

/** What the part's operation says when its node and its step are like that. */
const saidOf = (node: NodeObservation | null, error: OperationError | null) => {
  const result: Partial<StepResult> = { key: "call", state: "failed", endedAt: now.toISOString() };
  const placement = {
    order: { action: "run" },
    generation: 1,
    observedGeneration: 1,
    reportedAt: now,
    observation: { nodes: node === null ? [] : [node], volumes: [] },
    stepResults: error === null ? [] : [{ ...result, error }],
  };
  const operation = { id: "opn_1", kind: "part.create", state: "running", steps: [], startedAt, isCancelling: false };
  const part = { id: "prt_1", kind: "chaincode", name: "basic", generation: 1, observedGeneration: 0, operation };
  const work = { wish: "running", placements: [placement], parts: [part], view: { nodes: {} } };
  const step = { key: "call", title: "Call it", part: part.id, dependsOn: [], region: "local" };
  const nodes = [{ name: "server-0", part: part.id, region: "local" }];
  const desired = { kind: "wanted", nodes, steps: [step], blueprints: {} };
  const input = { work, desired, conditions: [], hasNewOrders: false, now } as unknown as PartInput;
  const [said] = toPartChanges(input).partOperations;
  return [said?.state, said?.error?.message];
};

test("a node that never comes is said at once, whatever a step says that waits for it", () => {
  expect(saidOf(denied, later)).toEqual(["needsAttention", "The registry refuses."]);
  expect(saidOf(denied, null)).toEqual(["needsAttention", "The registry refuses."]);
});

test("a step that never succeeds is said at once, while its node may come back", () => {
  expect(saidOf(down, never)).toEqual(["needsAttention", "No such function."]);
});

test("what may pass is waited for", () => {
  expect(saidOf(down, later)).toEqual(["running", undefined]);
  expect(saidOf(null, later)).toEqual(["running", undefined]);
});
