export const operationKinds = [
  "chain.create",
  "chain.update",
  "chain.pause",
  "chain.resume",
  "chain.delete",
  "chain.restore",
  "chain.purge",
  "chain.renew",
] as const;
export type OperationKind = (typeof operationKinds)[number];

export const operationStates = ["queued", "running", "needsAttention", "succeeded", "failed", "cancelled"] as const;
export type OperationState = (typeof operationStates)[number];

/** States in which an operation holds its target: at most one such per target, by a partial unique index. */
export const liveOperationStates = ["queued", "running", "needsAttention"] as const satisfies readonly OperationState[];

export const isDone = (state: OperationState): boolean =>
  state === "succeeded" || state === "failed" || state === "cancelled";

export interface OperationError {
  code: string;
  message: string;
  hint?: string;
  retryable: boolean;
}

export interface OperationStep {
  key: string;
  title: string;
  state: "pending" | "running" | "succeeded" | "failed" | "skipped";
  startedAt?: string;
  endedAt?: string;
  error?: OperationError;
}
