/** What can stop the embedded Postgres; stable, so that `doctor` and tests can tell them apart. */
export type PostgresProblemCode =
  | "postgres.alreadyStarting"
  | "postgres.diskFull"
  | "postgres.failed"
  | "postgres.noPermission"
  | "postgres.notOurDirectory"
  | "postgres.noUser"
  | "postgres.passwordMissing"
  | "postgres.platformMissing"
  | "postgres.timeout"
  | "postgres.versionMismatch";

/** An error whose message says what is wrong and whose hint says what to do. Holds no secret. */
export class PostgresProblem extends Error {
  readonly code: PostgresProblemCode;
  readonly hint: string;
  /** For the log only. */
  readonly detail: string | undefined;
  readonly retryable: boolean;

  constructor(
    code: PostgresProblemCode,
    message: string,
    hint: string,
    options: { detail?: string; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "PostgresProblem";
    this.code = code;
    this.hint = hint;
    this.detail = options.detail;
    this.retryable = options.retryable ?? false;
  }
}

/** The `code` of a Node or Postgres error, or an empty string. */
export function errorCode(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
  return "";
}

/** Turns a file system error into a sentence; anything else is returned as it came. */
export function toFileProblem(error: unknown, path: string): unknown {
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new PostgresProblem(
        "postgres.noPermission",
        `Portolan may not write to ${path}.`,
        "Give yourself write permission there, or set PORTOLAN_HOME to a directory that you own.",
        { cause: error },
      );
    case "ENOSPC":
    case "EDQUOT":
      return diskFull(path, error);
    default:
      return error;
  }
}

/** Whether Postgres' own words mean that the disk is full; it does not always name ENOSPC. */
export function saysDiskFull(output: string): boolean {
  return /No space left on device|Disk quota exceeded|Check free disk space/.test(output);
}

export function diskFull(path: string, cause?: unknown): PostgresProblem {
  return new PostgresProblem(
    "postgres.diskFull",
    `No space is left on the disk that holds ${path}.`,
    "Free some space (a new database needs about 100 MB), then start again: nothing is lost.",
    { cause, retryable: true },
  );
}
