import type { AnswerOf, OperationResource } from "@portolan/contract";
import type { CallInput } from "./call.ts";

export interface WaitOptions {
  /** Called with the first state and after each change. */
  onProgress?: (operation: OperationResource) => void;
  signal?: AbortSignal;
  /** For the whole wait; without it there is no end but the operation's. */
  timeoutMs?: number;
}

/** The wait ended before the operation did; it goes on at the server. */
export class OperationTimeoutError extends Error {
  readonly operation: OperationResource;

  constructor(operation: OperationResource, timeoutMs: number) {
    super(`The operation ${operation.id} was still ${operation.state} after ${Math.round(timeoutMs / 1000)} s.`);
    this.name = "OperationTimeoutError";
    this.operation = operation;
  }
}

interface Deps {
  get(input: CallInput<"operations.get">): Promise<AnswerOf<"operations.get">>;
  now(): number;
}

/** Longest hold that the API allows, seconds. */
const longestHold = 20;

/**
 * Follows an operation by long poll until it is done or stands at `needsAttention`; the caller judges the state.
 * @throws OperationTimeoutError, or the signal's reason.
 */
export const waitForOperation = async (
  deps: Deps,
  id: string,
  options: WaitOptions = {},
): Promise<OperationResource> => {
  const startedAt = deps.now();
  const { onProgress, signal, timeoutMs = Number.POSITIVE_INFINITY } = options;
  let shown = "";
  let hold = 0;
  for (;;) {
    const found = await deps.get({
      params: { operation: id },
      query: { wait: hold },
      timeoutMs: (hold + 15) * 1000,
      ...(signal === undefined ? {} : { signal }),
    });
    const text = JSON.stringify(found);
    if (text !== shown) onProgress?.(found);
    shown = text;
    if (found.done || found.state === "needsAttention") return found;
    const leftMs = timeoutMs - (deps.now() - startedAt);
    if (leftMs <= 0) throw new OperationTimeoutError(found, timeoutMs);
    // The hold ends only with the operation: who wants to see its steps asks every second.
    hold = Math.max(1, Math.min(onProgress === undefined ? longestHold : 1, Math.ceil(leftMs / 1000)));
  }
};
