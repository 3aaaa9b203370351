import { DomainError, type Step, type StepResult } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { createFakeFramework, seededClock } from "@portolan/testing";
import { expect, test } from "vitest";
import { runSteps } from "./run-steps.ts";

const clock = seededClock();
const step = (key: string, part?: string): Step => ({
  ...{ key, action: key.startsWith("bad") ? "fail" : "work", title: key, region: "east", dependsOn: [], input: {} },
  ...{ isUndoable: false, timeoutMs: 1_000, ...(part === undefined ? {} : { part }) },
});

const run = async (steps: readonly Step[], results: readonly StepResult[] = []) => {
  const ran: string[] = [];
  const framework: Framework = {
    ...createFakeFramework(),
    actions: {
      work: async (context) => {
        ran.push(context.step.key);
        return {};
      },
      fail: async (context) => {
        ran.push(context.step.key);
        clock.advance(Number(context.step.input["takesMs"] ?? 0));
        throw new DomainError({ code: "step.failed", message: "No." });
      },
    },
  };
  const done = await runSteps({
    ...{ framework, steps, results, clock, chain: {} as never, signer: {} as never },
    access: { signal: new AbortController().signal } as never,
    onResult: async () => true,
  });
  return { ran, results: done.results };
};

test("a failure of the chain's own step ends the pass, one of a part only that part's", async () => {
  expect((await run([step("bad"), step("a", "p")])).ran).toEqual(["bad"]);
  const parts = [step("bad", "p"), step("after", "p"), step("other", "q"), step("own")];
  expect((await run(parts)).ran).toEqual(["bad", "other", "own"]);
});

test("a part's step that failed a moment ago gives way, keeps its error, and has its turn again", async () => {
  const { results } = await run([step("bad", "p")]);
  const both = [step("bad", "p"), step("good", "q")];
  const second = await run(both, results);
  expect(second.ran).toEqual(["good"]);
  expect(second.results.map(({ key, state }) => `${key} ${state}`).sort()).toEqual(["bad failed", "good succeeded"]);
  // Nothing else is left to do, or enough time has passed.
  expect((await run(both, second.results)).ran).toEqual(["bad"]);
  clock.advance(30_000);
  expect((await run(both, results)).ran).toEqual(["bad", "good"]);
});

test("one that takes long to fail rests, so that it doesn't hold up what comes in between", async () => {
  // Four times as long; twenty seconds at most, however long it took.
  for (const [takesMs, restMs] of [
    [3_000, 12_000],
    [57_000, 20_000],
  ] as const) {
    const slow = { ...step("bad", "p"), input: { takesMs } };
    const { results } = await run([slow]);
    clock.advance(restMs - 1);
    const rested = await run([slow], results);
    expect(rested).toEqual({ ran: [], results });
    clock.advance(1);
    expect((await run([slow], results)).ran).toEqual(["bad"]);
  }
});

test("steps that are broken off say why, and nothing else is begun", async () => {
  const controller = new AbortController();
  const reason = new DomainError({ code: "step.failed", message: "Node peer-0 went down meanwhile." });
  const framework: Framework = {
    ...createFakeFramework(),
    actions: {
      work: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("cancelled")));
          controller.abort(reason);
        }),
    },
  };
  const { results } = await runSteps({
    ...{ framework, steps: [step("a", "p"), step("b", "q")], results: [], clock, chain: {} as never },
    ...{ signer: {} as never, access: { signal: controller.signal } as never, onResult: async () => true },
  });
  expect(results).toMatchObject([{ key: "a", state: "failed", error: { message: reason.message } }]);
});
