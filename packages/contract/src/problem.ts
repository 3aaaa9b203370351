import { type ErrorCode, errorCodes } from "@portolan/domain";
import { z } from "zod";
import { errorStatus } from "./error-status.ts";

export const fieldProblem = z
  .object({
    path: z.string().describe("Where in the request, e.g. `settings.blockTime` or `query.pageSize`."),
    code: z.string(),
    message: z.string(),
  })
  .meta({ id: "FieldProblem" });

/** RFC 9457 with our own members; what a code adds (`operationId` of `chain.busy`) stands beside them as strings. */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(errorCodes),
    hint: z.string().optional(),
    requestId: z.string(),
    errors: z.array(fieldProblem).optional(),
  })
  .catchall(z.unknown())
  .meta({ id: "Problem", description: "RFC 9457 problem details." });

export type Problem = z.output<typeof problem>;
export type FieldProblem = z.output<typeof fieldProblem>;

export const problemMediaType = "application/problem+json";

const titles: { readonly [status: number]: string } = {
  400: "Bad request",
  401: "Unauthorized",
  402: "Payment required",
  403: "Forbidden",
  404: "Not found",
  409: "Conflict",
  410: "Gone",
  412: "Precondition failed",
  413: "Content too large",
  415: "Unsupported media type",
  422: "Unprocessable content",
  429: "Too many requests",
  500: "Internal server error",
  503: "Service unavailable",
  504: "Gateway timeout",
  507: "Insufficient storage",
};

export interface ProblemFields {
  code: ErrorCode;
  detail: string;
  requestId: string;
  hint?: string | undefined;
  errors?: readonly FieldProblem[] | undefined;
  meta?: { readonly [name: string]: string } | undefined;
}

/** The problem document of an error code. Members of `meta` never replace the standard ones. */
export const toProblem = (fields: ProblemFields): Problem => {
  const status = errorStatus[fields.code];
  return {
    ...fields.meta,
    type: `urn:portolan:error:${fields.code}`,
    title: titles[status] ?? "Error",
    status,
    detail: fields.detail,
    code: fields.code,
    ...(fields.hint === undefined ? {} : { hint: fields.hint }),
    requestId: fields.requestId,
    ...(fields.errors === undefined ? {} : { errors: [...fields.errors] }),
  };
};
