import {
  type Condition,
  canonicalJson,
  type OperationError,
  type OperationStep,
  restSteps,
  type Step,
  type StepResult,
  startSteps,
} from "@portolan/domain";
import type { ChainWork, OperationChange, OperationWork, PlacementWork } from "@portolan/store";
import { copyFailure, copyProgress } from "./copy-progress.ts";
import type { CopyTurn } from "./copy-turn.ts";
import { type Desired, ownNodes, ownSteps } from "./desired.ts";
import { readySteps } from "./orders.ts";
import { toNodeChanges } from "./rollout.ts";

/** An operation that has not ended by itself after this long is shown as needing attention, with what stands in its way. */
export const patienceMs = 300_000;

export const advance = (
  former: OperationStep | undefined,
  next: Omit<OperationStep, "startedAt" | "endedAt">,
  now: Date,
): OperationStep => {
  if (former?.state === next.state && next.state !== "failed") return former;
  const startedAt = former?.startedAt ?? (next.state === "pending" ? undefined : now.toISOString());
  const isOver = next.state === "succeeded" || next.state === "skipped";
  return {
    ...next,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(isOver ? { endedAt: former?.endedAt ?? now.toISOString() } : {}),
  };
};

/** What an operation waits for, where that can be said: a step that is not listed then has not been done for that. */
export const stepsNow = (
  work: Pick<ChainWork, "view">,
  desired: Desired,
  own: readonly Step[],
): readonly Step[] | null => (desired.kind === "wanted" && work.view !== null ? own : null);

/** `steps` null: what remains to be done can't be said in this pass, so what is listed stands as it did. */
export const frameworkSteps = (
  work: { readonly placements: readonly Pick<PlacementWork, "stepResults">[] },
  operation: Pick<OperationWork, "steps">,
  steps: readonly Step[] | null,
  now: Date,
): OperationStep[] => {
  if (steps === null) return operation.steps.filter(({ key }) => key.startsWith("step/"));
  const open = new Set(steps.map((step) => step.key));
  const ready = new Set(readySteps(steps).map((step) => step.key));
  const keyOf = new Map(steps.map((step) => [step.title, `step/${step.key}`]));
  // The same thing to do has another key once what it starts from has changed: it is listed as what it is now.
  const known = operation.steps.filter(
    ({ key, title }) => key.startsWith("step/") && (keyOf.get(title) ?? key) === key,
  );
  // What was begun earlier comes first; what shows only now goes to the end.
  const titles = new Map(known.map((step) => [step.key.slice("step/".length), step.title]));
  for (const step of steps) if (!titles.has(step.key)) titles.set(step.key, step.title);
  const results = new Map(
    work.placements.flatMap((placement) => placement.stepResults.map((result) => [result.key, result] as const)),
  );
  return [...titles].map(([key, title]) => {
    const former = known.find((step) => step.key === `step/${key}`);
    const result = results.get(key);
    const failure = open.has(key) && result?.state === "failed" ? result.error : undefined;
    // What was done a moment ago is listed until the network has been looked at again.
    const isDone = !open.has(key) || result?.state === "succeeded";
    const state = failure !== undefined ? "failed" : isDone ? "succeeded" : ready.has(key) ? "running" : "pending";
    const step = { key: `step/${key}`, title, state, ...(failure === undefined ? {} : { error: failure }) } as const;
    return asReported(advance(former, step, now), former, result);
  });
};

/** With the times at which it was carried out, where they are known: a pass may have come long before or after. */
const asReported = (
  step: OperationStep,
  former: OperationStep | undefined,
  result: StepResult | undefined,
): OperationStep =>
  result === undefined || step === former || step.state !== "succeeded"
    ? step
    : { ...step, startedAt: result.startedAt, endedAt: result.endedAt };

/**
 * What the regions have said since the operation began, or was tried again: an older failure, of a step or of a node, is
 * what it is meant to mend.
 */
export const saidSince = (
  work: Pick<ChainWork, "placements">,
  operation: Pick<OperationWork, "startedAt">,
  now: Date,
): Pick<PlacementWork, "stepResults" | "observation" | "problem">[] => {
  const since = operation.startedAt ?? now;
  return work.placements.map(({ stepResults, observation, problem, reportedAt }) => {
    const isReported = reportedAt !== null && reportedAt >= since;
    return {
      stepResults: stepResults.filter(({ endedAt }) => endedAt >= since.toISOString()),
      observation: isReported ? observation : null,
      problem: isReported ? problem : null,
    };
  });
};

/**
 * What an update changes node by node, in the order in which it comes to them. A node that differs is listed from the
 * first pass that sees it; one that does not any more is done, unless its framework took it away.
 */
const rollProgress = (work: ChainWork, operation: OperationWork, desired: Desired, now: Date): OperationStep[] => {
  if (operation.kind !== "chain.update" || desired.kind !== "wanted") {
    return operation.steps.filter(({ key }) => key.startsWith("node/"));
  }
  const own = new Set(ownNodes(desired).map(({ name }) => name));
  const { changed } = toNodeChanges(work, desired.blueprints);
  const open = new Set(changed.map(({ node }) => node).filter((name) => own.has(name)));
  const up = new Set(
    work.placements.flatMap(({ observation }) =>
      (observation?.nodes ?? []).flatMap(({ node, state }) => (state === "running" ? [node] : [])),
    ),
  );
  const known = operation.steps.filter(({ key }) => key.startsWith("node/") && own.has(key.slice("node/".length)));
  const names = [...new Set([...known.map(({ key }) => key.slice("node/".length)), ...open])];
  return names.map((name) => {
    const key = `node/${name}`;
    const former = known.find((step) => step.key === key);
    const isTurn = desired.only === null || desired.only.includes(name);
    const isDone = !open.has(name) && (up.has(name) || former?.state === "succeeded");
    const state = isDone ? "succeeded" : isTurn || !open.has(name) ? "running" : "pending";
    return advance(former, { key, title: `Change ${name}`, state }, now);
  });
};

/** Without steps that are still to be done, but are no longer the operation's to wait for: they have not succeeded. */
const withoutOthers = (operation: OperationWork, desired: Desired, own: readonly Step[]): OperationWork => {
  if (desired.kind !== "wanted") return operation;
  const ours = new Set(own.map(({ key }) => key));
  const others = new Set(desired.steps.filter(({ key }) => !ours.has(key)).map(({ key }) => `step/${key}`));
  return { ...operation, steps: operation.steps.filter(({ key }) => !others.has(key)) };
};

const startProgress = (
  work: ChainWork,
  operation: OperationWork,
  conditions: readonly Condition[],
  own: readonly Step[],
  desired: Desired,
  now: Date,
): OperationStep[] => {
  const steps = stepsNow(work, desired, own);
  const said = { placements: saidSince(work, operation, now) };
  const list: OperationStep[] = [];
  let isBlocked = false;
  for (const { key, title, condition } of startSteps) {
    if (key === "nodes") list.push(...rollProgress(work, operation, desired, now));
    if (key === "network") list.push(...frameworkSteps(said, withoutOthers(operation, desired, own), steps, now));
    const isTrue = conditions.find((item) => item.type === condition)?.status === "true";
    const state = isTrue ? "succeeded" : isBlocked ? "pending" : "running";
    list.push(
      advance(
        operation.steps.find((step) => step.key === key),
        { key, title, state },
        now,
      ),
    );
    if (!isTrue) isBlocked = true;
  }
  return list;
};

const restProgress = (operation: OperationWork, isReached: boolean, now: Date): OperationStep[] => {
  const steps = restSteps[operation.kind] ?? [];
  return steps.map(({ key, title }, index) => {
    const isLast = index === steps.length - 1;
    const state = isReached || !isLast ? "succeeded" : "running";
    return advance(
      operation.steps.find((step) => step.key === key),
      { key, title, state },
      now,
    );
  });
};

/** The first thing in the way, as the user should read it. */
const toProblem = (work: ChainWork, operation: OperationWork, desired: Desired, now: Date): OperationError | null => {
  if (desired.kind === "impossible") return desired.problem;
  const said = saidSince(work, operation, now);
  for (const { problem } of said) if (problem !== null) return problem;
  // A region does not count what fails for a part among its own problems.
  const open = new Set(ownSteps(work, desired).map(({ key }) => key));
  for (const { stepResults } of said) {
    const failed = stepResults.find(({ key, state }) => state === "failed" && open.has(key));
    if (failed?.error !== undefined) return failed.error;
  }
  return null;
};

export const sealFailed = (steps: readonly OperationStep[], error: OperationError): OperationStep[] =>
  steps.map((step) => (step.state === "running" ? { ...step, state: "failed", error } : step));

/** What comes after the copying: nothing where the chain rests, and not yet where it is under way. */
const afterCopy = (
  copied: readonly OperationStep[],
  ordinary: readonly OperationStep[],
  { isRest, isCopying }: { isRest: boolean; isCopying: boolean },
): readonly OperationStep[] => {
  if (copied.length > 0 && isRest) return [];
  return isCopying ? ordinary.map(({ key, title }) => ({ key, title, state: "pending" })) : ordinary;
};

/** How the live operation stands after this pass. */
export const toOperation = (input: {
  work: ChainWork;
  desired: Desired;
  conditions: readonly Condition[];
  isReached: boolean;
  now: Date;
  copy?: CopyTurn;
}): OperationChange | null => {
  const { work, desired, conditions, isReached, now, copy } = input;
  const operation = work.operation;
  if (operation === null) return null;
  const open = ownSteps(work, desired);
  const isRest = work.wish !== "running";
  const copied = copy === undefined ? [] : copyProgress(operation, copy, now);
  const ordinary = isRest
    ? restProgress(
        restSteps[operation.kind] === undefined ? { ...operation, kind: "chain.delete" } : operation,
        isReached,
        now,
      )
    : startProgress(work, operation, conditions, open, desired, now);
  const steps = [...copied, ...afterCopy(copied, ordinary, { isRest, isCopying: desired.kind === "copying" })];
  const done = steps.filter((step) => step.state === "succeeded").length;
  const progress = isReached ? 1 : Math.round((done / Math.max(1, steps.length)) * 100) / 100;
  const failure = copyFailure(copied);
  if (isReached) {
    if (failure !== null) return { id: operation.id, state: "failed", progress: 1, steps, error: failure };
    return {
      id: operation.id,
      state: operation.isCancelling ? "cancelled" : "succeeded",
      progress: 1,
      steps,
      error: null,
    };
  }

  // Copying has a patience of its own, up to where there is no way back.
  const isGoing = desired.kind === "copying" && desired.copying.stage !== "restore";
  if (isGoing || (copy?.error ?? null) !== null)
    return { id: operation.id, state: "running", progress, steps, error: null };
  // A region that had begun before it heard that the copy is given up says once more why it was.
  const said = toProblem(work, operation, desired, now);
  const problem = canonicalJson(said) === canonicalJson(failure) ? null : said;
  // A retry takes `startedAt` away: patience begins anew, as it does when the data is copied.
  const copiedAt = Date.parse(copied.at(-1)?.endedAt ?? "1970-01-01T00:00:00Z");
  const isOld =
    operation.startedAt !== null && now.getTime() - Math.max(operation.startedAt.getTime(), copiedAt) > patienceMs;
  if (problem !== null && (!problem.retryable || isOld)) {
    return { id: operation.id, state: "needsAttention", progress, steps: sealFailed(steps, problem), error: problem };
  }
  if (isOld) {
    const blocking = conditions.find((condition) => condition.status !== "true");
    const error: OperationError = {
      code: "step.timed_out",
      message: blocking?.message ?? "The operation takes longer than it should.",
      hint: blocking?.hint ?? "Look at the chain's conditions and logs, then retry, cancel or delete.",
      retryable: true,
    };
    return { id: operation.id, state: "needsAttention", progress, steps: sealFailed(steps, error), error };
  }
  return { id: operation.id, state: "running", progress, steps, error: null };
};
