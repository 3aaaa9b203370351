import { DomainError } from "@portolan/domain";

/** A refusal by the API server. `message` is the server's own: for the log and for `toRefusal`, not for a caller. */
export class KubeError extends Error {
  readonly status: number;
  readonly reason: string;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;
  constructor(status: number, reason: string, message: string, retryAfterMs?: number) {
    super(message);
    this.name = "KubeError";
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer: whether a write was applied is not known. */
export class KubeSilence extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KubeSilence";
  }
}

export const isStatus = (error: unknown, ...statuses: number[]): boolean =>
  error instanceof KubeError && statuses.includes(error.status);

/** Whether what was written may or may not be there. */
export const isUncertain = (error: unknown): boolean =>
  error instanceof KubeSilence || (error instanceof KubeError && error.status >= 500);

/** What a caller gets: never the API server's own words, which can name what is inside. */
export const toDomainError = (error: unknown): unknown => {
  if (error instanceof KubeSilence) {
    return new DomainError({
      code: "region.unreachable",
      message: "The region's cluster does not answer.",
      hint: "Nothing is changed until it answers again; the worker tries again by itself.",
      detail: error.message,
      retryable: true,
      cause: error,
    });
  }
  if (!(error instanceof KubeError)) return error;
  const detail = `${error.status} ${error.reason}: ${error.message}`.slice(0, 2000);
  if (error.status === 401 || (error.status === 403 && error.reason === "Forbidden")) {
    return new DomainError({
      code: "runtime.failed",
      message: "The region's cluster refuses what the worker asks of it.",
      hint: "Check the worker's credential and rights on the cluster: portolan regions check names what is missing.",
      detail,
      retryable: true,
      cause: error,
    });
  }
  const isBusy = error.status === 429 || error.status >= 500;
  return new DomainError({
    code: isBusy ? "region.unreachable" : "runtime.failed",
    message: isBusy
      ? "The region's cluster is too busy, or in trouble, to answer."
      : "The region's cluster refused a change that the chain needs.",
    hint: isBusy ? "The worker tries again by itself." : "The worker's log has the cluster's own words.",
    detail,
    retryable: true,
    cause: error,
  });
};
