import { createHash } from "node:crypto";

/** SHA-256, lower-case hex: enough for a secret of 256 random bits, which no dictionary holds. */
export const hashCredential = (secret: string): string => createHash("sha256").update(secret).digest("hex");
