import {
  type Condition,
  type NodeSpec,
  type OperationError,
  type OperationStep,
  partSteps,
  type Step,
} from "@portolan/domain";
import type { ChainChanges, ChainWork, OperationChange, OperationWork, PartWork } from "@portolan/store";
import { type Desired, desiredHashes } from "./desired.ts";
import { advance, frameworkSteps, patienceMs, saidSince, sealFailed, stepsNow } from "./operation-progress.ts";
import { toNodeProblem } from "./placement-verdict.ts";

export interface PartInput {
  work: ChainWork;
  desired: Desired;
  conditions: readonly Condition[];
  /** Something else was just ordered: what is seen is not the answer to it. */
  hasNewOrders: boolean;
  /** Why the chain's data was not brought in place: a chain that is only an import ends with it. */
  copyError?: OperationError | null;
  now: Date;
}

interface Standing {
  part: PartWork;
  nodes: readonly NodeSpec[];
  steps: readonly Step[];
  areNodesReady: boolean;
  isReached: boolean;
}

const nodesOf = (part: PartWork, desired: Desired): NodeSpec[] => desired.nodes.filter((node) => node.part === part.id);

const areNodesReady = (work: ChainWork, desired: Desired, nodes: readonly NodeSpec[]): boolean => {
  if (nodes.length === 0) return true;
  if (desired.kind !== "wanted") return false;
  const hashes = desiredHashes(desired.blueprints);
  const observed = new Map(
    work.placements.flatMap((item) => (item.observation?.nodes ?? []).map((node) => [node.node, node])),
  );
  return nodes.every((node) => {
    const seen = observed.get(node.name);
    return (
      seen?.state === "running" &&
      seen.appliedHash === hashes.get(node.name)?.hash &&
      work.view?.nodes[node.name]?.healthy === true
    );
  });
};

/** Every region has answered the order that it has now. */
const hasAnswers = (work: ChainWork): boolean =>
  work.placements.every((item) => item.order?.action === "run" && item.observedGeneration >= item.generation);

const toStanding = (part: PartWork, { work, desired, hasNewOrders }: PartInput): Standing => {
  const nodes = nodesOf(part, desired);
  const steps = desired.kind === "wanted" ? desired.steps.filter((step) => step.part === part.id) : [];
  const isReady = areNodesReady(work, desired, nodes);
  const isSeen = desired.kind === "wanted" && work.view !== null && !hasNewOrders && hasAnswers(work);
  return { part, nodes, steps, areNodesReady: isReady, isReached: isSeen && isReady && steps.length === 0 };
};

/**
 * What keeps the framework from saying what it wants, a failed node of its own, or a failed step. What waiting does not
 * mend comes first: a step that may be tried again has often failed for want of the very node that never comes.
 */
const toPartProblem = (
  input: PartInput,
  { nodes, steps }: Standing,
  operation: OperationWork,
): OperationError | null => {
  const { work, desired, now } = input;
  if (desired.kind === "impossible") return desired.problem;
  const said = saidSince(work, operation, now);
  const own = new Set(nodes.map((node) => node.name));
  const ofNodes = said.flatMap(({ observation }) =>
    (observation?.nodes ?? []).filter(({ node, state }) => state === "failed" && own.has(node)).map(toNodeProblem),
  );
  const open = new Set(steps.map(({ key }) => key));
  const ofSteps = said.flatMap(({ stepResults }) =>
    stepResults.flatMap(({ key, state, error }) =>
      state === "failed" && open.has(key) && error !== undefined ? [error] : [],
    ),
  );
  const all = [...ofNodes, ...ofSteps];
  return all.find(({ retryable }) => !retryable) ?? all[0] ?? null;
};

const toSteps = (input: PartInput, standing: Standing, operation: OperationWork): OperationStep[] => {
  const { desired, now } = input;
  const { part, nodes, steps, isReached } = standing;
  const former = (key: string) => operation.steps.find((step) => step.key === key);
  const isMade = desired.kind === "wanted";
  const put = ({ key, title }: { key: string; title: string }, isDone: boolean, mayRun: boolean): OperationStep =>
    advance(former(key), { key, title, state: isDone ? "succeeded" : mayRun ? "running" : "pending" }, now);
  const list: OperationStep[] = [];
  if (!part.isDeleted) {
    list.push(put(partSteps.material, isMade, true));
    if (nodes.length > 0) list.push(put(partSteps.nodes, standing.areNodesReady, isMade));
  }
  const said = { placements: saidSince(input.work, operation, now) };
  list.push(...frameworkSteps(said, operation, stepsNow(input.work, desired, steps), now));
  const areOthersDone = list.every((step) => step.state === "succeeded");
  list.push(put(part.isDeleted ? partSteps.gone : partSteps.reached, isReached, areOthersDone));
  return list;
};

const paused: OperationError = {
  code: "chain.wrong_phase",
  message: "The chain was paused meanwhile.",
  hint: "Resume the chain and it goes on, or cancel the operation.",
  retryable: true,
};

const skipped = (steps: readonly OperationStep[], now: Date): OperationStep[] =>
  steps.map((step) =>
    step.state === "succeeded"
      ? step
      : { ...step, state: "skipped", ...(step.startedAt === undefined ? {} : { endedAt: now.toISOString() }) },
  );

const toTimeout = (conditions: readonly Condition[], steps: readonly OperationStep[]): OperationError => {
  const blocking = conditions.find((condition) => condition.status !== "true");
  const open = steps.find((step) => step.state !== "succeeded");
  return {
    code: "step.timed_out",
    message: blocking?.message ?? `Not done in time: ${open?.title ?? "the last step"}.`,
    hint: blocking?.hint ?? "Look at the chain's conditions and logs, then retry, cancel or delete.",
    retryable: true,
  };
};

/** The chain never came to life: what was wished of its parts ends for the same reason. */
const ofFailedImport = (error: OperationError): OperationError => ({
  ...error,
  message: `The chain could not be imported: ${error.message}`,
});

const toPartOperation = (input: PartInput, standing: Standing, operation: OperationWork): OperationChange => {
  const { work, conditions, now } = input;
  const { id } = operation;
  if (work.wish === "deleted" || work.wish === "purged") {
    const steps = skipped(operation.steps, now);
    const { copyError } = input;
    if (work.wish === "purged" && copyError !== undefined && copyError !== null)
      return { id, state: "failed", progress: 1, steps, error: ofFailedImport(copyError) };
    return { id, state: "cancelled", progress: 1, steps, error: null };
  }
  if (work.wish === "paused") {
    const done = operation.steps.filter((step) => step.state === "succeeded").length;
    const progress = Math.round((done / Math.max(1, operation.steps.length)) * 100) / 100;
    return { id, state: "needsAttention", progress, steps: operation.steps, error: paused };
  }
  const steps = toSteps(input, standing, operation);
  if (standing.isReached)
    return { id, state: operation.isCancelling ? "cancelled" : "succeeded", progress: 1, steps, error: null };
  const done = steps.filter((step) => step.state === "succeeded").length;
  const progress = Math.round((done / steps.length) * 100) / 100;
  const isOld = operation.startedAt !== null && now.getTime() - operation.startedAt.getTime() > patienceMs;
  const problem = toPartProblem(input, standing, operation);
  const error =
    problem !== null && (!problem.retryable || isOld) ? problem : isOld ? toTimeout(conditions, steps) : null;
  if (error === null) return { id, state: "running", progress, steps, error: null };
  return { id, state: "needsAttention", progress, steps: sealFailed(steps, error), error };
};

const endings: { readonly [state: string]: string } = {
  failed: "has failed",
  succeeded: "has come to its end",
  cancelled: "was taken back",
  needsAttention: "needs attention",
};

/** What a chain's own log says of its parts: each operation once it has ended, or can't go on. */
export const toPartEvents = (work: ChainWork, changes: readonly OperationChange[]): ChainChanges["events"] =>
  work.parts.flatMap((part) => {
    const change = changes.find(({ id }) => id === part.operation?.id);
    const ending = change === undefined ? undefined : endings[change.state];
    if (change === undefined || ending === undefined || change.state === part.operation?.state) return [];
    const cause = change.error === null ? "" : `: ${change.error.message}`;
    const message = `${part.operation?.kind} of the ${part.kind} ${part.name} ${ending}${cause}`;
    return [{ type: part.kind, reason: change.error?.code ?? change.state, message }];
  });

/**
 * How the chain's parts stand after this pass: whose wish was found in the network, and what their operations say.
 * A part is judged by its own nodes and steps alone, so that one that can't be made holds up no other.
 */
export const toPartChanges = (input: PartInput): Pick<ChainChanges, "partOperations" | "reachedParts"> => {
  const partOperations: OperationChange[] = [];
  const reachedParts: { id: string; generation: number }[] = [];
  for (const part of input.work.parts) {
    if (part.operation === null && part.observedGeneration >= part.generation) continue;
    const standing = toStanding(part, input);
    if (standing.isReached) reachedParts.push({ id: part.id, generation: part.generation });
    if (part.operation !== null) partOperations.push(toPartOperation(input, standing, part.operation));
  }
  return { partOperations, reachedParts };
};
