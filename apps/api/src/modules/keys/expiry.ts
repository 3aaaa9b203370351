import { invalidField } from "../../http/invalid-request.ts";

const maxYears = 10;

/** Throws `request.invalid` when the time is over already, or more than ten years ahead. */
export const toExpiry = (text: string | undefined, now: Date): Date | null => {
  if (text === undefined) return null;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw invalidField("expiresAt", "invalid", "is not a time");
  if (at <= now) throw invalidField("expiresAt", "past", "must be in the future");
  const latest = new Date(now);
  latest.setUTCFullYear(latest.getUTCFullYear() + maxYears);
  if (at > latest) throw invalidField("expiresAt", "too_far", `must be at most ${maxYears} years ahead`);
  return at;
};
