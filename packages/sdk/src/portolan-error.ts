import type { FieldProblem } from "@portolan/contract";

export interface PortolanErrorFields {
  status: number;
  /** The problem's code (`noun.reason`); `http.<status>` when the answer was no problem document. */
  code: string;
  message: string;
  hint?: string | undefined;
  requestId?: string | undefined;
  errors?: readonly FieldProblem[] | undefined;
  /** Milliseconds the server asked to wait, from `Retry-After`. */
  retryAfterMs?: number | undefined;
  /** Further members of the document, e.g. `operationId` of `chain.busy`. */
  meta?: { readonly [name: string]: unknown } | undefined;
}

/** The API refused or failed; `message` is the problem's detail. */
export class PortolanError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly requestId: string | undefined;
  readonly errors: readonly FieldProblem[];
  readonly retryAfterMs: number | undefined;
  readonly meta: { readonly [name: string]: unknown };

  constructor(fields: PortolanErrorFields) {
    super(fields.message);
    this.name = "PortolanError";
    this.status = fields.status;
    this.code = fields.code;
    this.hint = fields.hint;
    this.requestId = fields.requestId;
    this.errors = fields.errors ?? [];
    this.retryAfterMs = fields.retryAfterMs;
    this.meta = fields.meta ?? {};
  }
}

/** No answer came: refused, reset, no such host, or out of time. Whether the call was carried out is unknown. */
export class UnreachableError extends Error {
  readonly baseUrl: string;

  constructor(baseUrl: string, cause: unknown) {
    super(`${baseUrl} can't be reached: ${reasonOf(cause)}.`, { cause });
    this.name = "UnreachableError";
    this.baseUrl = baseUrl;
  }
}

function reasonOf(cause: unknown): string {
  // fetch says "fetch failed" and keeps the reason one level below.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  if (typeof inner === "object" && inner !== null && "code" in inner && typeof inner.code === "string") {
    return inner.code;
  }
  if (inner instanceof Error) return inner.name === "TimeoutError" ? "no answer in time" : inner.message;
  return "unknown reason";
}
