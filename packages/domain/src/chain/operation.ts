import { DomainError } from "../error.ts";

export const operationKinds = [
  "chain.create",
  "chain.update",
  "chain.pause",
  "chain.resume",
  "chain.delete",
  "chain.restore",
  "chain.purge",
  "chain.renew",
  "chain.backup",
  "chain.import",
  // Of a framework's own resource inside a chain; which kind it is, the target's type says.
  "part.create",
  "part.update",
  "part.delete",
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

/**
 * A thrown failure as an operation shows it. Only a DomainError's own words are public; of anything else the log has
 * the cause, and the operation says `fallback`.
 */
export const toOperationError = (error: unknown, fallback: OperationError): OperationError =>
  error instanceof DomainError
    ? {
        code: error.code,
        message: error.message,
        retryable: error.retryable,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      }
    : fallback;

export const operationStepStates = ["pending", "running", "succeeded", "failed", "skipped"] as const;
export type OperationStepState = (typeof operationStepStates)[number];

export interface OperationStep {
  key: string;
  title: string;
  state: OperationStepState;
  startedAt?: string;
  endedAt?: string;
  error?: OperationError;
}
