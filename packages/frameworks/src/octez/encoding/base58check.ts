import { sha256 } from "@noble/hashes/sha2.js";
import { createBase58check } from "@scure/base";

const coder = createBase58check(sha256);

/** Payload behind its prefix, with four bytes of double SHA-256 at the end: how Tezos writes every hash and key. */
export const encodeBase58Check = (prefix: readonly number[], payload: Uint8Array): string =>
  coder.encode(Uint8Array.from([...prefix, ...payload]));

/** The payload. Throws when the text is no Base58Check, its checksum is wrong, or prefix or length are others. */
export const decodeBase58Check = (prefix: readonly number[], size: number, text: string): Uint8Array => {
  const bytes = coder.decode(text);
  if (bytes.length !== prefix.length + size) throw new Error("it has another length");
  if (!prefix.every((byte, index) => bytes[index] === byte)) throw new Error("it has another prefix");
  return bytes.subarray(prefix.length);
};

/** Whether `decodeBase58Check` takes it. */
export const isBase58Check = (prefix: readonly number[], size: number, text: string): boolean => {
  try {
    decodeBase58Check(prefix, size, text);
    return true;
  } catch {
    return false;
  }
};
