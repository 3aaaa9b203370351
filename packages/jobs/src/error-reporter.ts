import type { Logger } from "@portolan/kit";

/** A reporter of repeated connection errors that speaks at most once in `everyMs`, with the count of what it kept back. */
export const createErrorReporter = (log: Pick<Logger, "warn">, message: string, everyMs = 5_000) => {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let heldBack = 0;
  return (err: unknown): void => {
    const now = performance.now();
    if (now < quietUntil) {
      heldBack += 1;
      return;
    }
    quietUntil = now + everyMs;
    log.warn({ err, heldBack }, message);
    heldBack = 0;
  };
};
