import {
  backupResultKey,
  type ChainView,
  type NodeObservation,
  type OperationError,
  type PlacementObservation,
  type StepResult,
  toNodeHash,
  toOperationError,
  type WorkOrder,
} from "@portolan/domain";

/** How often a placement at rest in its order is looked at again when no hint comes. */
export const driftMs = 15_000;

/** The same for one where nothing is to run. */
const restMs = 300_000;

/** The same while a change goes from node to node: whose turn it is depends on what is seen next. */
const rollingMs = 2_000;

/** Nodes are held back for their turn. Not those that only another renderer writes differently: they may be so for long. */
const isRolling = ({ only, blueprint }: WorkOrder, { nodes }: Pick<PlacementObservation, "nodes">): boolean => {
  if (only === undefined || blueprint === undefined) return false;
  return blueprint.nodes.some((wanted) => {
    const seen = only.includes(wanted.name) ? undefined : nodes.find(({ node }) => node === wanted.name);
    return seen?.rendererVersion === blueprint.rendererVersion && seen.appliedHash !== toNodeHash(wanted);
  });
};

/** When a placement that is as it was ordered is looked at again; null: there is nothing left to look at. */
export const nextLook = (
  order: WorkOrder,
  observation: Pick<PlacementObservation, "nodes">,
  now: Date,
): Date | null => {
  if (order.action === "purge") return null;
  const isAtRest = order.action !== "run" && order.action !== "reserve";
  return new Date(now.getTime() + (isAtRest ? restMs : isRolling(order, observation) ? rollingMs : driftMs));
};

/** Back-off between passes over a placement that is not there yet. Hints from the runtime usually come earlier. */
export const placementBackOffMs = (attempt: number): number => Math.min(10_000, 500 * 2 ** Math.min(attempt, 6));

/** Observed reasons that waiting does not mend. */
const lastingReasons = new Set([
  "program_missing",
  "storage_full",
  "crash_loop",
  "port_taken",
  "init_failed",
  "job_failed",
  "image_denied",
  "image_missing",
  "tenant_code_refused",
  "storage_fixed",
]);

const codeOf: { readonly [reason: string]: string } = {
  program_missing: "framework.program_missing",
  storage_full: "node.storage_full",
  storage_fixed: "runtime.failed",
};

/** A node that failed, as an operation says it. */
export const toNodeProblem = (failed: NodeObservation): OperationError => {
  const reason = failed.reason ?? "failed";
  return {
    code: codeOf[reason] ?? "node.failed_to_start",
    message: failed.message ?? `Node ${failed.node} failed.`,
    retryable: !lastingReasons.has(reason),
    ...(failed.hint === undefined ? {} : { hint: failed.hint }),
  };
};

const partNodes = (order: WorkOrder): Set<string> =>
  new Set(order.nodes.filter((node) => node.part !== undefined).map((node) => node.name));

/**
 * True when the order is reached as far as this region can see: all of it, or (`chain`) without what it wants for the
 * chain's parts, which may fail for reasons of their own.
 */
export const isOrderReached = (
  order: WorkOrder,
  observation: PlacementObservation,
  view: ChainView | null,
  stepResults: readonly StepResult[],
  scope: "all" | "chain" = "all",
): boolean => {
  const nodes = new Map(observation.nodes.map((node) => [node.node, node]));
  switch (order.action) {
    case "reserve":
      return true;
    case "stop":
      return observation.nodes.every((node) => node.state === "stopped" || node.state === "absent");
    case "remove":
      return observation.nodes.every((node) => node.state === "absent");
    case "purge":
      return observation.nodes.every((node) => node.state === "absent") && observation.volumes.length === 0;
    case "snapshot":
    case "verify":
    case "restore": {
      const key = backupResultKey(order.backup?.id ?? "", order.action);
      return (
        observation.nodes.every((node) => node.state === "stopped" || node.state === "absent") &&
        stepResults.some((result) => result.key === key && result.state === "succeeded")
      );
    }
    case "run": {
      const only = order.only === undefined ? null : new Set(order.only);
      const left = scope === "all" ? new Set<string>() : partNodes(order);
      const areNodesThere = (order.blueprint?.nodes ?? []).every((wanted) => {
        if (left.has(wanted.name)) return true;
        const seen = nodes.get(wanted.name);
        if (seen?.state !== "running" || view?.nodes[wanted.name]?.healthy !== true) return false;
        return (only !== null && !only.has(wanted.name)) || seen.appliedHash === toNodeHash(wanted);
      });
      const succeeded = new Set(
        stepResults.filter((result) => result.state === "succeeded").map((result) => result.key),
      );
      const steps = scope === "all" ? order.steps : order.steps.filter((step) => step.part === undefined);
      return areNodesThere && steps.every((step) => succeeded.has(step.key));
    }
  }
};

/** Runs on as it was though it was its turn to be changed, for a reason: what it needs is not there. */
const isHeld = (order: WorkOrder, { node, state, reason, appliedHash }: NodeObservation): boolean => {
  if (state !== "running" || reason === undefined || order.only?.includes(node) === false) return false;
  const wanted = order.blueprint?.nodes.find(({ name }) => name === node);
  return wanted !== undefined && appliedHash !== toNodeHash(wanted);
};

/**
 * What stands in the chain's way, worst first: a failed node, one that can't be changed, then a failed step. Those of
 * parts are in their own.
 */
export const toPlacementProblem = (
  order: WorkOrder,
  observation: PlacementObservation,
  stepResults: readonly StepResult[],
): OperationError | null => {
  if (order.action === "run") {
    const left = partNodes(order);
    const failed = observation.nodes.find((node) => node.state === "failed" && !left.has(node.node));
    if (failed !== undefined) return toNodeProblem(failed);
    const held = observation.nodes.find((node) => !left.has(node.node) && isHeld(order, node));
    if (held !== undefined) return toNodeProblem(held);
  }
  const wanted = new Set(order.steps.filter((step) => step.part === undefined).map((step) => step.key));
  const step = stepResults.find((result) => result.state === "failed" && wanted.has(result.key));
  return step?.error ?? null;
};

/** A thrown failure of the runtime, as the operation shows it. */
export const toThrownProblem = (error: unknown): OperationError =>
  toOperationError(error, {
    code: "runtime.failed",
    message: "The region's runtime failed.",
    hint: "The worker's log names the cause; it is tried again.",
    retryable: true,
  });
