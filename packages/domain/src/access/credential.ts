import { toBase62 } from "./base62.ts";
import { crc32 } from "./crc32.ts";

/** What each secret that the plane hands out begins with, so that people and secret scanners know it on sight. */
export const credentialPrefixes = { key: "ptl", serviceAccountKey: "pts", refreshToken: "ptr" } as const;
export type CredentialKind = keyof typeof credentialPrefixes;

/** Bytes of randomness in a credential: 256 bits, so that a plain SHA-256 of it may be stored. */
export const credentialSecretBytes = 32;

const bodyLength = 43; // 62^43 > 2^256
const checksumLength = 6; // 62^6 > 2^32
const displayLength = 8;
const textLength = 4 + bodyLength + checksumLength;

export interface ParsedCredential {
  ok: true;
  kind: CredentialKind;
  /** The first 8 characters (`ptl_Ab3d`), to tell credentials apart in lists and logs. Public. */
  prefix: string;
}

const checksumOf = (head: string): string => toBase62(BigInt(crc32(head)), checksumLength);

/**
 * `<prefix>_<43 of base62><6 of base62>`; the last six are the CRC-32 of everything before them, prefix included, so
 * that a scanner verifies a find offline. Throws RangeError unless `secret` has 32 bytes.
 */
export const formatCredential = (kind: CredentialKind, secret: Uint8Array): string => {
  if (secret.length !== credentialSecretBytes) throw new RangeError("A credential is made of 32 random bytes.");
  let value = 0n;
  for (const byte of secret) value = (value << 8n) | BigInt(byte);
  const head = `${credentialPrefixes[kind]}_${toBase62(value, bodyLength)}`;
  return head + checksumOf(head);
};

const kindByPrefix = new Map<string, CredentialKind>(
  (Object.keys(credentialPrefixes) as CredentialKind[]).map((kind) => [`${credentialPrefixes[kind]}_`, kind]),
);
const formPattern = /^pt[lsr]_[0-9A-Za-z]{49}$/;

/**
 * Form and checksum only: a typo, a truncated paste or another product's token is refused without any look-up. Says
 * nothing about whether the credential exists. The input is bounded by its exact length before anything reads it.
 */
export const parseCredential = (text: string): ParsedCredential | null => {
  if (text.length !== textLength || !formPattern.test(text)) return null;
  const kind = kindByPrefix.get(text.slice(0, 4));
  const head = text.slice(0, -checksumLength);
  if (kind === undefined || checksumOf(head) !== text.slice(-checksumLength)) return null;
  return { ok: true, kind, prefix: text.slice(0, displayLength) };
};

const parseOf =
  (wanted: CredentialKind) =>
  (text: string): ParsedCredential | null => {
    const parsed = parseCredential(text);
    return parsed?.kind === wanted ? parsed : null;
  };

/** An app's data-plane key, `ptl_…`. */
export const formatKey = (secret: Uint8Array): string => formatCredential("key", secret);
export const parseKey = parseOf("key");

/** A service account's key, `pts_…`. */
export const formatServiceAccountKey = (secret: Uint8Array): string => formatCredential("serviceAccountKey", secret);
export const parseServiceAccountKey = parseOf("serviceAccountKey");

/** A session's refresh token, `ptr_…`. */
export const formatRefreshToken = (secret: Uint8Array): string => formatCredential("refreshToken", secret);
export const parseRefreshToken = parseOf("refreshToken");

/** A piece of a credential counts as one: a cut line of a log still gives most of it away. */
const anywherePattern = /pt[lsr]_[0-9A-Za-z]{8,}/g;

/** Replaces whatever looks like a credential (whole or cut) by its first 8 characters and `…`, for logs. */
export const redactCredentials = (text: string): string =>
  text.replace(anywherePattern, (found) => `${found.slice(0, displayLength)}…`);
