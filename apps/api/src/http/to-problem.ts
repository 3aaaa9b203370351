import { type FieldProblem, type Problem, type ProblemFields, toProblem } from "@portolan/contract";
import { DomainError } from "@portolan/domain";
import { isConflict, isNotStarted } from "@portolan/store";
import type { FastifyError } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { InvalidRequest } from "./invalid-request.ts";

type Part = Omit<ProblemFields, "requestId">;

const maxFieldProblems = 20;
/** In `detail`; `errors` has them all. */
const maxToldProblems = 3;
const sources: { readonly [context: string]: string } = { querystring: "query.", params: "path.", headers: "headers." };

const text = (value: unknown, name: string): string => {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === "string" ? found : "";
};

const fromValidation = (error: FastifyError): Part => {
  const prefix = sources[error.validationContext ?? ""] ?? "";
  const errors = (error.validation ?? []).slice(0, maxFieldProblems).flatMap((issue): FieldProblem[] => {
    const at = issue.instancePath
      .split("/")
      .filter((part) => part !== "")
      .join(".");
    const keys: unknown = issue.params["keys"];
    const path = (member: string): string => `${prefix}${[at, member].filter((part) => part !== "").join(".")}`;
    // Each unknown member is named by its own path.
    if (issue.keyword === "unrecognized_keys" && Array.isArray(keys)) {
      return keys
        .slice(0, 10)
        .map((key) => ({ path: path(String(key).slice(0, 100)), code: "unknown", message: "is not known here" }));
    }
    return [{ path: path("").slice(0, 300), code: issue.keyword, message: issue.message ?? "is not valid" }];
  });
  // What is not known comes first: a misspelt member is often why another one is missing.
  const told = [...errors].sort((a, b) => Number(b.code === "unknown") - Number(a.code === "unknown"));
  const detail =
    told
      .slice(0, maxToldProblems)
      .map(({ path, message }) => `${path || "The body"}: ${message}`)
      .join("; ") || "The request is not valid.";
  return { code: "request.invalid", detail, errors };
};

/** Codes of Fastify's own refusals; their messages may name internals, so ours are said instead. */
const ofFastify: { readonly [code: string]: Part } = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: "request.too_large", detail: "The body is larger than this route takes." },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: "request.unsupported_media_type",
    detail: "The body must be JSON.",
    hint: "Send Content-Type: application/json.",
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: "request.invalid", detail: "The body is not valid JSON." },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: "request.invalid",
    detail: "The body's length is not what Content-Length says.",
  },
  FST_ERR_BAD_URL: { code: "request.invalid", detail: "The path is not valid percent-encoding." },
  FST_ERR_MAX_PARAM_LENGTH: { code: "request.not_found", detail: "There is nothing at this path." },
};

const isDatabaseAway = (error: unknown): boolean => {
  const codes = new Set([
    "P1001",
    "P1002",
    "P1008",
    "P1017",
    "P2024",
    "P2037",
    "ECONNREFUSED",
    "ECONNRESET",
    "57P01",
    "57P03",
    "53300",
  ]);
  for (let cause = error, depth = 0; typeof cause === "object" && cause !== null && depth < 5; depth += 1) {
    if (codes.has(text(cause, "code")) || codes.has(text(cause, "originalCode"))) return true;
    const kind = text(cause, "kind");
    if (
      kind === "DatabaseNotReachable" ||
      kind === "SocketTimeout" ||
      kind === "ConnectionClosed" ||
      kind === "TooManyConnections"
    )
      return true;
    cause = Reflect.get(cause, "cause") ?? Reflect.get(cause, "meta") ?? Reflect.get(cause, "driverAdapterError");
  }
  return false;
};

const inKibibytes = (bytes: number): string => `${Math.floor(bytes / 1024)} KiB`;

const toPart = (error: unknown, bodyLimit: number | undefined): Part => {
  if (error instanceof DomainError) {
    const { code, message: detail, hint, meta } = error;
    return { code, detail, hint, meta, errors: error instanceof InvalidRequest ? error.errors : undefined };
  }
  if (hasZodFastifySchemaValidationErrors(error)) return fromValidation(error);
  const known = ofFastify[text(error, "code")];
  if (known?.code === "request.too_large" && bodyLimit !== undefined)
    return { ...known, detail: `The body is larger than ${inKibibytes(bodyLimit)}.` };
  if (known !== undefined) return known;
  const status: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "statusCode") : undefined;
  if (typeof status === "number" && status >= 400 && status < 500) {
    return { code: "request.invalid", detail: "The request is not valid." };
  }
  if (isConflict(error) || isNotStarted(error) || isDatabaseAway(error)) {
    return { code: "unavailable", detail: "The service can't do this right now.", hint: "Try again in a few seconds." };
  }
  return { code: "internal", detail: "Something went wrong on our side.", hint: "Give the requestId to the operator." };
};

/**
 * Whatever was thrown → problem document. Nothing of an unexpected error but its request id reaches the caller.
 * `bodyLimit`: what the route takes, in bytes.
 */
export const describeError = (error: unknown, requestId: string, bodyLimit?: number): Problem =>
  toProblem({ ...toPart(error, bodyLimit), requestId });
