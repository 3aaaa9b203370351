import type { FieldProblem } from "@portolan/contract";
import { DomainError, type DomainErrorFields } from "@portolan/domain";

/** A refusal that says which members of the request are wrong. */
export class InvalidRequest extends DomainError {
  readonly errors: readonly FieldProblem[];

  constructor(
    fields: Omit<DomainErrorFields, "code"> & { code?: DomainErrorFields["code"]; errors: readonly FieldProblem[] },
  ) {
    super({ ...fields, code: fields.code ?? "request.invalid" });
    this.name = "InvalidRequest";
    this.errors = fields.errors;
  }
}

/** One wrong member. */
export const invalidField = (path: string, code: string, message: string, hint?: string): InvalidRequest =>
  new InvalidRequest({
    message: `${path}: ${message}`,
    errors: [{ path, code, message }],
    ...(hint === undefined ? {} : { hint }),
  });

export const notFound = (what: string, hint?: string): DomainError =>
  new DomainError({
    code: "resource.not_found",
    message: `There is no such ${what}.`,
    ...(hint === undefined ? {} : { hint }),
  });
