import { DomainError } from "@portolan/domain";

/** A blob, its context or its key is not what was sealed. Says nothing of the content; one message for all causes. */
export const tampered = (): DomainError =>
  new DomainError({
    code: "custody.tampered",
    message: "a sealed secret could not be opened",
    detail: "authentication failed: wrong context, wrong key or changed bytes",
  });

/** A key or store that custody needs is not there or not usable. `detail` must hold no secret. */
export const unavailable = (message: string, hint?: string): DomainError =>
  new DomainError({ code: "custody.unavailable", message, ...(hint === undefined ? {} : { hint }) });
