import { invalidField } from "../../http/invalid-request.ts";

/** Throws `request.invalid` when the time is over already. */
export const toExpiry = (text: string | undefined, now: Date): Date | null => {
  if (text === undefined) return null;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw invalidField("expiresAt", "invalid", "is not a time");
  if (at <= now) throw invalidField("expiresAt", "past", "must be in the future");
  return at;
};
