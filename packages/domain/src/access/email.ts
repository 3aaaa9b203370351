import { z } from "zod";

/** Trimmed and lower-cased: people do not remember the case they signed up with, and one address is one account. */
export const normalizeEmail = (text: string): string => text.trim().toLowerCase();

/** Parses to the normalized address; at most 254 characters (RFC 5321 §4.5.3.1.3 less the brackets). */
export const emailSchema = z
  .string()
  .max(320)
  .trim()
  .toLowerCase()
  .pipe(z.email("Write an e-mail address, e.g. ada@example.org.").max(254));
