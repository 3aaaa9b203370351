import { z } from "zod";

export const displayNameMaxLength = 100;

// Two format characters are part of writing: Persian and Indic scripts and joined emoji need U+200C and U+200D.
const forbiddenPattern = /[\p{Cc}\p{Zl}\p{Zp}]|(?![\u200C\u200D])\p{Cf}/u;
// Something to see: blanks that count as letters (U+3164 and the like) do not suffice.
const visiblePattern = /[[\p{L}\p{N}\p{P}\p{S}]--\p{Default_Ignorable_Code_Point}]/v;

/**
 * A name that people give: any script, trimmed, NFC, 1–100 code points. No control, format or direction-changing
 * characters, which would let one name look like another, and no lone surrogates, which can't be stored.
 */
export const displayNameSchema = z
  .string()
  .max(1000)
  .refine((name) => name.isWellFormed(), { error: "The name contains half of a surrogate pair.", abort: true })
  .trim()
  .normalize("NFC")
  .refine((name) => [...name].length <= displayNameMaxLength, `Use at most ${displayNameMaxLength} characters.`)
  .refine((name) => !forbiddenPattern.test(name), "The name contains control or invisible format characters.")
  .refine((name) => visiblePattern.test(name), "The name needs at least one visible character.");
