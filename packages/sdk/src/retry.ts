import type { Route } from "@portolan/contract";
import { PortolanError, UnreachableError } from "./portolan-error.ts";

export interface RetryPolicy {
  /** Attempts in all; 1 never repeats. */
  maxAttempts: number;
  /** Before the second attempt; doubles, half of it random. */
  firstPauseMs: number;
  longestPauseMs: number;
}

export const defaultRetry: RetryPolicy = { maxAttempts: 4, firstPauseMs: 200, longestPauseMs: 5_000 };

/** Whether doing it twice is the same as doing it once: a read, or a POST that the server recognises. */
export const isRepeatable = (
  route: Pick<Route, "method" | "isIdempotent">,
  idempotencyKey: string | undefined,
): boolean => route.method === "GET" || (route.isIdempotent && idempotencyKey !== undefined);

/** Milliseconds to wait before the next attempt; undefined: give up. `attempt` counts from 1. */
export const pauseBefore = (
  error: unknown,
  attempt: number,
  policy: RetryPolicy,
  random: () => number,
): number | undefined => {
  if (attempt >= policy.maxAttempts) return undefined;
  const full = Math.min(policy.longestPauseMs, policy.firstPauseMs * 2 ** (attempt - 1));
  const pause = full / 2 + (full / 2) * random();
  if (error instanceof UnreachableError) return pause;
  if (!(error instanceof PortolanError)) return undefined;
  // In flight: the first attempt, whose answer was lost, is still being worked on.
  if (error.code === "idempotency.in_flight") return pause;
  if (error.status !== 503) return undefined;
  if (error.retryAfterMs === undefined) return pause;
  return error.retryAfterMs <= policy.longestPauseMs ? Math.max(error.retryAfterMs, pause) : undefined;
};
