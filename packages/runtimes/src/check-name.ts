import { DomainError } from "@portolan/domain";

/** Names become directories: no separators, no dots first, bounded. */
const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export const checkName = (name: string, what: string): string => {
  if (safeName.test(name)) return name;
  throw new DomainError({
    code: "runtime.failed",
    message: `The ${what} can't be used as a directory's name.`,
    detail: `${what}: ${JSON.stringify(name).slice(0, 200)}`,
  });
};
