import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "@portolan/domain";
import type { z } from "zod";
import type { ActionContext, NetworkAccess } from "../../framework.ts";
import { type Inspection, readInspection } from "../inspection.ts";
import { askNode, type Call, type Said } from "../node-rpc.ts";

/** Time for the actions; tests have one of their own. */
export interface ActionClock {
  /** Milliseconds, of a clock that only goes forward. */
  nowMs(): number;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const realClock: ActionClock = {
  nowMs: () => performance.now(),
  wait: (ms, signal) => sleep(ms, undefined, { signal }),
};

/** What every action works with. */
export interface Turn<Input> {
  input: Input;
  inspection: Inspection;
  access: NetworkAccess;
  signal: AbortSignal;
  clock: ActionClock;
  /** By when it gives up with reasons of its own, before its step's time is over without any. */
  endsAtMs: number;
  ask(node: string, calls: readonly Call[]): Promise<Said[]>;
}

/** What is left for saying why. */
const farewellMs = 2_000;

export const openTurn = <Input>(
  { access, chain, signal, step }: ActionContext,
  shape: z.ZodType<Input>,
  clock: ActionClock,
): Turn<Input> => {
  const inspection = readInspection(chain.inspection);
  if (inspection === undefined)
    throw new DomainError({ code: "step.failed", message: "The network's keys are not made.", retryable: true });
  return {
    input: shape.parse(step.input),
    ...{ inspection, access, signal, clock },
    endsAtMs: clock.nowMs() + Math.max(0, step.timeoutMs - farewellMs),
    ask: (node, calls) => askNode(access, node, calls, { signal }),
  };
};

/** Half a block, so that none is waited for much longer than it takes; neither hurried nor asleep. */
export const pauseMs = ({ blockPeriodSeconds }: Pick<Inspection, "blockPeriodSeconds">): number =>
  Math.min(2_000, Math.max(250, blockPeriodSeconds * 500));

/** Asks again and again until there is an answer that is not undefined, or the turn is over: undefined then. */
export const until = async <Answer>(
  turn: Turn<unknown>,
  ask: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> => {
  const everyMs = pauseMs(turn.inspection);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (turn.clock.nowMs() + everyMs > turn.endsAtMs) return undefined;
    await turn.clock.wait(everyMs, turn.signal);
  }
};

/** The node's word, or undefined where it has none just now: others may. An end of the step goes through. */
export const orSilent = async <Answer>(
  turn: Turn<unknown>,
  ask: () => Promise<Answer>,
): Promise<Answer | undefined> => {
  try {
    return await ask();
  } catch (error) {
    if (turn.signal.aborted) throw error;
    return undefined;
  }
};
