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
const deferMs = 30_000;

/**
 * The steps of this pass: one of a part that failed a moment ago may take its whole time to fail again, and others would
 * wait for it with each of theirs. Nothing else to do, or a while later, it has its turn.
 */
const toTurn = ({ steps, results, clock }: RunStepsInput): readonly Step[] => {
  const now = clock.now().getTime();
  const resultOf = (step: Step) => results.find((result) => result.key === step.key);
  const isDeferred = (step: Step): boolean => {
    const result = resultOf(step);
    return step.part !== undefined && result?.state === "failed" && now - Date.parse(result.endedAt) < deferMs;
  };
  const others = steps.filter((step) => !isDeferred(step));
  return others.some((step) => resultOf(step)?.state !== "succeeded") ? others : steps;
};

const toFailure = (error: unknown, timedOut: boolean): OperationError =>
  timedOut
    ? { code: "step.timed_out", message: "The step took too long.", retryable: true }
    : toOperationError(error, {
        code: "step.failed",
        message: "The step failed inside the network.",
        hint: "The node's logs name the cause; it is tried again.",
        retryable: true,
      });

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
        error: toFailure(error, timeout.aborted),
      };
    }
    results = [...results.filter((item) => item.key !== step.key), result];
    if (!(await input.onResult(result))) return { results, isFenced: true };
    if (result.state === "failed") {
      if (step.part === undefined) break;
      failedParts.add(step.part);
    }
  }
  return { results, isFenced: false };
};
