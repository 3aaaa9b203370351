import { expect, it } from "vitest";
import { GrpcFailure } from "../../rest-protocol.ts";
import { askToEndorse } from "./endorse.ts";

const early = new GrpcFailure({
  status: 9,
  message:
    "no combination of peers can be derived which satisfy the endorsement policy: required chaincodes are not installed on sufficient peers",
});

/** Answers in turn, a failure by throwing it; each question takes a second of the clock. */
const peers = (answers: readonly (GrpcFailure | Uint8Array)[]) => {
  let ms = 0;
  const limits: number[] = [];
  const context = {
    now: () => new Date(ms),
    signal: new AbortController().signal,
    unary: async (_method: string, _message: Uint8Array, { timeoutMs }: { timeoutMs: number }): Promise<Uint8Array> => {
      const answer = answers[Math.min(limits.length, answers.length - 1)];
      limits.push(timeoutMs);
      ms += 1_000;
      if (answer instanceof Uint8Array) return answer;
      throw answer;
    },
  };
  return { limits, ask: (endsAt: number) => askToEndorse(context, new Uint8Array(), endsAt, { isRepeatable: true }) };
};

it("is asked again until the peer has heard of the others, in what is left of the call's time", async () => {
  const answer = Uint8Array.from([1]);
  const { ask, limits } = peers([early, early, answer]);
  expect(await ask(10_000)).toBe(answer);
  expect(limits).toEqual([10_000, 9_000, 8_000]);
});

it("is not asked beyond the call's own time, nor for longer than gossip takes", async () => {
  const short = peers([early]);
  await expect(short.ask(2_000)).rejects.toBe(early);
  expect(short.limits).toHaveLength(2);
  const long = peers([early]);
  await expect(long.ask(60_000)).rejects.toBe(early);
  expect(long.limits).toHaveLength(5);
});

it.each([
  [9, "no combination of peers: No metadata was found for chaincode nothing in channel main"],
  [10, "failed to endorse transaction"],
  [4, "context deadline exceeded"],
])("what is no matter of time is said at once: %i %s", async (status, message) => {
  const failure = new GrpcFailure({ status, message });
  const { ask, limits } = peers([failure]);
  await expect(ask(10_000)).rejects.toBe(failure);
  expect(limits).toHaveLength(1);
});
