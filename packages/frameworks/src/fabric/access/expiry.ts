import { X509Certificate } from "node:crypto";
import { DomainError } from "@portolan/domain";

export const expiredHint = "Renew the identity; with a key of your own that takes a new request.";

const endOf = (pem: string): Date | null => {
  try {
    return new X509Certificate(pem).validToDate;
  } catch {
    return null;
  }
};

/**
 * Throws `identity.expired`. Peers say it of proposals only: where they stream events, and of the status of a
 * transaction, they refuse an expired certificate in the words that they have for a foreign one. What is no certificate
 * is theirs to judge.
 */
export const demandNotExpired = (pem: string, now: Date): void => {
  const end = endOf(pem);
  if (end === null || end >= now) return;
  const message = `The identity's certificate expired at ${end.toISOString()}.`;
  throw new DomainError({ code: "identity.expired", message, hint: expiredHint });
};
