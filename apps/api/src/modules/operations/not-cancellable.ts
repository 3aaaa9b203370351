import { DomainError } from "@portolan/domain";

export const notCancellable = (message: string, hint?: string): DomainError =>
  new DomainError({ code: "operation.not_cancellable", message, ...(hint === undefined ? {} : { hint }) });
