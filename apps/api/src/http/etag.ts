import { DomainError } from "@portolan/domain";

export const toETag = (version: bigint | number): string => `"${version}"`;

/** Throws `resource.stale` when `If-Match` was given and names another version (RFC 9110 §13.1.1). */
export const demandMatch = (ifMatch: string | undefined, version: bigint | number): void => {
  if (ifMatch === undefined || ifMatch.trim() === "*") return;
  const tags = ifMatch.split(",").map((tag) => tag.trim());
  if (tags.includes(toETag(version))) return;
  throw new DomainError({
    code: "resource.stale",
    message: "It has changed since you read it.",
    hint: "Read it again, and send the new ETag in If-Match.",
  });
};
