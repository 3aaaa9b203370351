import {
  type Clock,
  DomainError,
  type OperationError,
  type Signer,
  type Step,
  type StepResult,
  toOperationError,
  type WorkOrder,
} from "@portolan/domain";
import type { Framework, NetworkAccess } from "@portolan/frameworks";

export interface RunStepsInput {
  framework: Framework;
  steps: readonly Step[];
  /** Results so far; a step that succeeded under this order is not run again. */
  results: readonly StepResult[];
  chain: WorkOrder["chain"];
  access: NetworkAccess;
  signer: Signer;
  clock: Clock;
  /** Told after each step; false when the lease was lost. */
  onResult(result: StepResult): Promise<boolean>;
}

/** For how long a part's step that has failed gives way to steps that may get on. */
const giveWayMs = 30_000;
/**
 * One that takes long to fail rests for this many times as long, so that the passes are not spent on it; but never for
 * so long that it is felt once its cause is gone.
 */
const restFactor = 4;
const longestRestMs = 20_000;

/**
 * The steps of this pass. What the peers of a region can't reach takes its whole time-out to fail, and every other step
 * of the region would wait for it each time: so a part's step that failed rests for a while, and then gives way where
 * there is something else to do.
 */
const toTurn = ({ steps, results, clock }: RunStepsInput): readonly Step[] => {
  const now = clock.now().getTime();
  const resultOf = (step: Step) => results.find((result) => result.key === step.key);
  const sinceFailure = (step: Step): { ms: number; restMs: number } | null => {
    const result = resultOf(step);
    if (step.part === undefined || result?.state !== "failed") return null;
    const endedAt = Date.parse(result.endedAt);
    const tookMs = endedAt - Date.parse(result.startedAt);
    return { ms: now - endedAt, restMs: Math.min(restFactor * tookMs, longestRestMs) };
  };
  const awake = steps.filter((step) => {
    const failure = sinceFailure(step);
    return failure === null || failure.ms >= failure.restMs;
  });
  const others = awake.filter((step) => (sinceFailure(step)?.ms ?? giveWayMs) >= giveWayMs);
  return others.some((step) => resultOf(step)?.state !== "succeeded") ? others : awake;
};

const toFailure = (thrown: unknown, signal: AbortSignal, timedOut: boolean): OperationError => {
  // Whatever the action made of being broken off: why it was is what people want to know.
  const error: unknown = signal.reason instanceof DomainError ? signal.reason : thrown;
  return timedOut
    ? { code: "step.timed_out", message: "The step took too long.", retryable: true }
    : toOperationError(error, {
        code: "step.failed",
        message: "The step failed inside the network.",
        hint: "The node's logs name the cause; it is tried again.",
        retryable: true,
      });
};

/**
 * Runs the order's steps one after the other. Stops at the first failure or when the lease is lost; after a failure of a
 * part's step only that part's further ones are left out.
 */
export const runSteps = async (input: RunStepsInput): Promise<{ results: StepResult[]; isFenced: boolean }> => {
  let results = [...input.results];
  const failedParts = new Set<string>();
  for (const step of toTurn(input)) {
    if (step.part !== undefined && failedParts.has(step.part)) continue;
    if (results.some((result) => result.key === step.key && result.state === "succeeded")) continue;
    const startedAt = input.clock.now().toISOString();
    const timeout = AbortSignal.timeout(step.timeoutMs);
    const signal = AbortSignal.any([input.access.signal, timeout]);
    let result: StepResult;
    try {
      const action = input.framework.actions[step.action];
      if (action === undefined)
        throw new DomainError({
          code: "step.failed",
          message: `The framework has no action ${step.action}.`,
          retryable: false,
        });
      const output = await action({ step, chain: input.chain, access: input.access, signer: input.signer, signal });
      result = { key: step.key, state: "succeeded", output, startedAt, endedAt: input.clock.now().toISOString() };
    } catch (error) {
      result = {
        key: step.key,
        state: "failed",
        startedAt,
        endedAt: input.clock.now().toISOString(),
        error: toFailure(error, signal, timeout.aborted),
      };
    }
    results = [...results.filter((item) => item.key !== step.key), result];
    if (!(await input.onResult(result))) return { results, isFenced: true };
    if (result.state === "failed") {
      if (step.part === undefined || input.access.signal.aborted) break;
      failedParts.add(step.part);
    }
  }
  return { results, isFenced: false };
};
