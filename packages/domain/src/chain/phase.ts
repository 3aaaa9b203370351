import { type Condition, type ConditionType, conditionTypes, type Phase } from "./condition.ts";
import type { Wish } from "./spec.ts";

export interface PhaseInput {
  wish: Wish;
  generation: number;
  observedGeneration: number;
  /** The chain has been running before (its first wish was once reached). */
  hasRun: boolean;
  /** All programs of all placements are stopped or gone. */
  isStopped: boolean;
  conditions: readonly Condition[];
}

/** The one place where a phase comes from. Nothing else compares phase strings to decide what to do. */
export const derivePhase = (input: PhaseInput): Phase => {
  if (input.wish === "purged")
    return input.isStopped && input.observedGeneration >= input.generation ? "purged" : "deleting";
  if (input.wish === "deleted")
    return input.isStopped && input.observedGeneration >= input.generation ? "deleted" : "deleting";
  if (input.wish === "paused")
    return input.isStopped && input.observedGeneration >= input.generation ? "paused" : "pausing";
  const statusOf = (type: ConditionType) => input.conditions.find((condition) => condition.type === type)?.status;
  const allTrue = conditionTypes.every((type) => statusOf(type) === "true");
  if (!input.hasRun) return input.conditions.length === 0 ? "pending" : "provisioning";
  if (input.observedGeneration >= input.generation) return allTrue ? "running" : "degraded";
  // A wish is being reached: from a stop (nothing answers yet) it resumes, otherwise it is updated in flight.
  return statusOf("endpointReady") === "true" ? "updating" : "resuming";
};
