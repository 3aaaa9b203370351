import type { Logger } from "@portolan/kit";

/** Its code and words only: errors of pg carry the whole client along, with what cancels its queries. */
const describe = (error: unknown): { reason: string; code?: string } => {
  if (!(error instanceof Error)) return { reason: typeof error === "string" ? error : "unknown" };
  const code: unknown = Reflect.get(error, "code");
  const reason = error.message === "" ? error.name : error.message;
  return typeof code === "string" ? { reason, code } : { reason };
};

/** A reporter of repeated connection errors that speaks at most once in `everyMs`, with the count of what it kept back. */
export const createErrorReporter = (log: Pick<Logger, "warn">, message: string, everyMs = 5_000) => {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let heldBack = 0;
  return (error: unknown): void => {
    const now = performance.now();
    if (now < quietUntil) {
      heldBack += 1;
      return;
    }
    quietUntil = now + everyMs;
    log.warn({ ...describe(error), heldBack }, message);
    heldBack = 0;
  };
};
