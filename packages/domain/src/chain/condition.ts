export const conditionTypes = ["materialReady", "nodesReady", "networkReady", "endpointReady"] as const;
export type ConditionType = (typeof conditionTypes)[number];

export interface Condition {
  type: ConditionType;
  status: "true" | "false" | "unknown";
  /** CamelCase-free token, e.g. `starting`, `program_missing`, `region_unreachable`. */
  reason: string;
  message: string;
  hint?: string;
  /** When `status` last changed (RFC 3339). */
  since: string;
}

/** Sets one condition, keeping `since` while the status stays the same. Returns a new list in canonical order. */
export const withCondition = (
  conditions: readonly Condition[],
  next: Omit<Condition, "since">,
  now: Date,
): Condition[] => {
  const former = conditions.find((condition) => condition.type === next.type);
  const since = former?.status === next.status ? former.since : now.toISOString();
  const rest = conditions.filter((condition) => condition.type !== next.type);
  return [...rest, { ...next, since }].sort((a, b) => conditionTypes.indexOf(a.type) - conditionTypes.indexOf(b.type));
};

export const phases = [
  "pending",
  "provisioning",
  "running",
  "degraded",
  "updating",
  "pausing",
  "paused",
  "resuming",
  "asleep",
  "deleting",
  "deleted",
  "purged",
] as const;
export type Phase = (typeof phases)[number];
