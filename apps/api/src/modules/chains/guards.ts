import { DomainError } from "@portolan/domain";
import type { chainWishes, OperationRow } from "@portolan/store";
import { operationLocation } from "../operations/present.ts";

/** A chain whose row the transaction holds. */
export type LockedChain = NonNullable<Awaited<ReturnType<typeof chainWishes.lock>>>;

export const busy = (operation: OperationRow): DomainError =>
  new DomainError({
    code: "chain.busy",
    message: `Another operation (${operation.kind}) is under way on this chain.`,
    hint: `Wait for it: GET ${operationLocation(operation.id)}?wait=20, or cancel it.`,
    retryable: true,
    meta: { operationId: operation.id },
  });

export const isGone = (chain: LockedChain): boolean => chain.wish === "deleted" || chain.wish === "purged";

export const gone = (chain: LockedChain, recoveryWindowSeconds: number): DomainError =>
  new DomainError({
    code: "chain.deleted",
    message: "The chain is deleted.",
    hint:
      chain.wish === "deleted" && recoveryWindowSeconds > 0
        ? "Until its purgeAt POST /v1/chains/{chain}/restore brings it back."
        : "Make a new chain.",
  });

export const wrongPhase = (message: string, hint: string): DomainError =>
  new DomainError({ code: "chain.wrong_phase", message, hint });
