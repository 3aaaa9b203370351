import { isBase58Check } from "./base58check.ts";
import { encodings } from "./prefixes.ts";

const kinds = [
  encodings.ed25519Address,
  encodings.secp256k1Address,
  encodings.p256Address,
  encodings.blsAddress,
] as const;

/** Whether the text is an implicit account's address (tz1 to tz4) whose checksum is right. */
export const isAddress = (text: string): boolean => kinds.some(({ prefix, size }) => isBase58Check(prefix, size, text));
