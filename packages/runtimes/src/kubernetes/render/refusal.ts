import { DomainError } from "@portolan/domain";

/** What can't be rendered. The caller reads the sentence on the chain. */
export const toRefusal = (message: string, detail?: string, hint?: string): DomainError =>
  new DomainError({
    code: "runtime.failed",
    message,
    hint: hint ?? "This is a fault of the framework's; the node is tried again by itself.",
    ...(detail === undefined ? {} : { detail }),
  });
