import { EnvError } from "@portolan/kit";
import { OperationTimeoutError, PortolanError, UnreachableError } from "@portolan/sdk";
import { CliFailure, type ExitCode, exitCodes } from "./failure.ts";

const refusals = new Set([402, 403, 429]);

const ofProblem = (error: PortolanError): ExitCode => {
  if (error.status === 401) return exitCodes.notSignedIn;
  if (refusals.has(error.status)) return exitCodes.refused;
  if (error.status === 404 || error.status === 410) return exitCodes.notFound;
  // What the server calls invalid was said wrong here.
  if (error.status === 400 || error.status === 422) return exitCodes.usage;
  return exitCodes.failure;
};

/** The exit code of a failed command. */
export const toExitCode = (error: unknown): ExitCode => {
  if (error instanceof CliFailure) return error.exitCode;
  if (error instanceof PortolanError) return ofProblem(error);
  if (error instanceof UnreachableError) return exitCodes.unreachable;
  if (error instanceof OperationTimeoutError) return exitCodes.operationFailed;
  if (error instanceof EnvError) return exitCodes.usage;
  return exitCodes.failure;
};

export interface Sentence {
  code: string;
  message: string;
  hint?: string;
  requestId?: string;
  /** HTTP's, when the API answered. */
  status?: number;
  details: string[];
}

const unreachableHint = "Start it with `npm start`, or set PORTOLAN_API_URL to where it runs.";

/** What the reader is told: what is wrong and what to do, never a stack. */
export const toSentence = (error: unknown): Sentence => {
  if (error instanceof PortolanError) {
    const isSignedOut = error.status === 401 && error.code !== "credential.invalid";
    const hint = error.hint ?? (isSignedOut ? "Sign in: portolan login." : undefined);
    return {
      code: error.code,
      message: error.message,
      status: error.status,
      ...(hint === undefined ? {} : { hint }),
      ...(error.requestId === undefined ? {} : { requestId: error.requestId }),
      details: error.errors
        .map(({ path, message }) => `${path}: ${message}`)
        .filter((detail) => !error.message.includes(detail)),
    };
  }
  if (error instanceof UnreachableError) {
    return { code: "unreachable", message: error.message, hint: unreachableHint, details: [] };
  }
  const message = error instanceof Error ? error.message : "unknown failure";
  const hint = error instanceof Error && "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  const tail = error instanceof Error && "tail" in error && typeof error.tail === "string" ? error.tail : "";
  return {
    code: error instanceof Error && "code" in error ? String(error.code) : "failure",
    message,
    ...(hint === undefined ? {} : { hint }),
    details: tail === "" ? [] : tail.split("\n"),
  };
};
