import { DomainError } from "@portolan/domain";
import { type Failure, NodeFailure } from "../node-failure.ts";

const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

const byErrno: { readonly [code: string]: Failure } = {
  ENOSPC: {
    reason: "storage_full",
    message: "The disk that holds the node's data is full.",
    hint: "Free some space on that disk; the node is started again by itself.",
  },
  EDQUOT: {
    reason: "storage_full",
    message: "The disk quota of the node's data is used up.",
    hint: "Raise the quota or free some space; the node is started again by itself.",
  },
  EROFS: {
    reason: "storage_denied",
    message: "The data directory is on a file system that can't be written.",
    hint: "Mount it writable or choose another data directory.",
  },
  EACCES: {
    reason: "storage_denied",
    message: "The data directory, or a program, may not be used by this user.",
    hint: "Give the user that runs the worker access to the data directory, or choose another one.",
  },
  EPERM: {
    reason: "storage_denied",
    message: "The operating system refused access to the data directory or a program.",
    hint: "Give the user that runs the worker access to the data directory, or choose another one.",
  },
  EMFILE: {
    reason: "too_many_files",
    message: "The worker has too many files open.",
    hint: "Raise the limit of open files (ulimit -n).",
  },
  EAGAIN: {
    reason: "too_many_processes",
    message: "The operating system refused to start another process.",
    hint: "Raise the limit of processes (ulimit -u) or run fewer nodes.",
  },
};

/** A raw error as a node's reason; the errno itself goes to the log only. */
export const toFailure = (error: unknown): Failure => {
  if (error instanceof NodeFailure) return error.failure;
  if (error instanceof DomainError) {
    return {
      reason: error.code.replace(".", "_"),
      message: error.message,
      ...(error.hint ? { hint: error.hint } : {}),
    };
  }
  const code = errnoOf(error);
  return (
    (code === undefined ? undefined : byErrno[code]) ?? {
      reason: "runtime_failed",
      message: "The node could not be brought to its wish.",
      hint: "The worker's log has the details.",
    }
  );
};

/** What a caller gets: never a raw errno. */
export const toDomainError = (error: unknown): unknown => {
  if (error instanceof DomainError) return error;
  const code = errnoOf(error);
  if (code === undefined && !(error instanceof NodeFailure)) return error;
  const failure = toFailure(error);
  return new DomainError({
    code: failure.reason === "storage_full" ? "node.storage_full" : "runtime.failed",
    message: failure.message,
    ...(failure.hint ? { hint: failure.hint } : {}),
    detail: error instanceof Error ? error.message : String(error),
    retryable: true,
    cause: error,
  });
};
