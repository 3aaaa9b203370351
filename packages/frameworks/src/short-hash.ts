import { createHash } from "node:crypto";
import { canonicalJson } from "@portolan/domain";

/** Distinguishes steps of one kind by what they work with: a step that succeeded once is not run again under its key. */
export const shortHash = (value: unknown): string =>
  createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 12);
