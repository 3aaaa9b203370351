/**
 * Every refusal and failure the plane speaks of, by code (`noun.reason`). One table maps each to an HTTP status
 * (`@portolan/contract`), exhaustively; nothing here knows of HTTP.
 */
export const errorCodes = [
  "request.invalid",
  "request.too_large",
  "request.unsupported_media_type",
  "request.not_found",
  "request.rate_limited",
  "credential.missing",
  "credential.invalid",
  "credential.expired",
  "permission.denied",
  "idempotency.in_flight",
  "idempotency.mismatch",
  "resource.not_found",
  "resource.conflict",
  "resource.stale",
  "signup.closed",
  "signup.email_taken",
  "session.invalid",
  "policy.denied",
  "quota.exceeded",
  "app.suspended",
  "app.closed",
  "app.has_chains",
  "key.limit",
  "registry.refused",
  "framework.unknown",
  "framework.program_missing",
  "region.unknown",
  "region.unreachable",
  "plan.unknown",
  "chain.settings_invalid",
  "chain.busy",
  "chain.deleted",
  "chain.not_restorable",
  "chain.wrong_phase",
  "chain.exists",
  "part.settings_invalid",
  "part.name_taken",
  "part.busy",
  "part.deleted",
  "part.limit",
  "backup.unsupported",
  "backup.limit",
  "backup.not_ready",
  "backup.damaged",
  "backup.missing",
  "backup.too_large",
  "operation.not_cancellable",
  "operation.not_retryable",
  "address.forbidden",
  "address.taken",
  "export.unreadable",
  "node.failed_to_start",
  "node.unhealthy",
  "node.storage_full",
  "chaincode.unreachable",
  "chaincode.unknown",
  "transaction.endorsement_refused",
  "transaction.mvcc_conflict",
  "transaction.phantom_read",
  "transaction.policy_failure",
  "transaction.invalid",
  "transaction.timed_out",
  "transaction.not_found",
  "identity.unknown",
  "identity.not_held",
  "identity.revoked",
  "identity.expired",
  "identity.refused",
  "step.failed",
  "step.refused",
  "step.timed_out",
  "material.failed",
  "custody.unavailable",
  "custody.tampered",
  "runtime.failed",
  "runtime.fence_stale",
  "runtime.busy_directory",
  "lease.lost",
  "unavailable",
  "internal",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface DomainErrorFields {
  code: ErrorCode;
  /** For the caller. */
  message: string;
  /** For the log only; may name internals, never secrets. */
  detail?: string;
  /** What the caller can do about it. */
  hint?: string;
  retryable?: boolean;
  /** Further public members, e.g. the running operation's id. */
  meta?: { readonly [key: string]: string };
  cause?: unknown;
}

/** A failure with two voices: `message` and `hint` for the caller, `detail` for the log. */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly meta: { readonly [key: string]: string } | undefined;

  constructor(fields: DomainErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = "DomainError";
    this.code = fields.code;
    this.detail = fields.detail;
    this.hint = fields.hint;
    this.retryable = fields.retryable ?? false;
    this.meta = fields.meta;
  }
}
