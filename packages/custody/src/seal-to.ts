import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { encodeContext, type SealContext } from "./aad.ts";
import { decrypt, encrypt, keyBytes, nonceBytes } from "./aes.ts";
import { tampered, unavailable } from "./error.ts";

/** `version(1)=2 ‖ ephemeral public key(32) ‖ nonce(12) ‖ tag(16) ‖ cipher text`. */
export type WorkerSealedBlob = Uint8Array;

const formatVersion = 2;
const publicBytes = 32;
/** DER of SubjectPublicKeyInfo for X25519 up to the 32 key bytes (RFC 8410 §4). */
const spkiPrefix = Buffer.from("302a300506032b656e032100", "hex");

const toPublicKey = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: "der", type: "spki" });

const toRaw = (key: KeyObject): Buffer =>
  Buffer.from(key.export({ format: "der", type: "spki" })).subarray(spkiPrefix.byteLength);

const parsePublicKey = (text: string): Buffer => {
  const raw = Buffer.from(text, "base64url");
  if (raw.byteLength !== publicBytes || raw.toString("base64url") !== text)
    throw unavailable("a worker's public key is not an X25519 key");
  return raw;
};

/** Key of one message. Both public keys go into the derivation, so that a blob fits one recipient (as in RFC 9180). */
const deriveKey = (secret: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Buffer =>
  Buffer.from(hkdfSync("sha256", secret, Buffer.concat([ephemeral, recipient]), "portolan/seal-to/v2", keyBytes));

/**
 * Seals bytes to a worker's public key (32 bytes, base64url): ephemeral X25519, HKDF-SHA256, AES-256-GCM. The message
 * key is used once, so the nonce is all zero by construction of a fresh key. Throws `custody.unavailable` on a bad key.
 */
export const sealTo = (publicKey: string, plain: Uint8Array, context: SealContext): WorkerSealedBlob => {
  const recipient = parsePublicKey(publicKey);
  const ephemeral = generateKeyPairSync("x25519");
  const ephemeralPublic = toRaw(ephemeral.publicKey);
  let secret: Buffer;
  try {
    secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: toPublicKey(recipient) });
  } catch {
    // OpenSSL refuses points of small order, whose shared secret is known to everybody.
    throw unavailable("a worker's public key is not usable");
  }
  const key = deriveKey(secret, ephemeralPublic, recipient);
  try {
    const header = Buffer.concat([Buffer.from([formatVersion]), ephemeralPublic]);
    const aad = Buffer.concat([header, encodeContext("seal-to", context)]);
    return Buffer.concat([header, encrypt(key, Buffer.alloc(nonceBytes), plain, aad)]);
  } finally {
    secret.fill(0);
    key.fill(0);
  }
};

/** Opens what `sealTo` sealed. Throws `custody.tampered` on any difference in blob, key or context. */
export const openWith = (privateKey: KeyObject, blob: WorkerSealedBlob, context: SealContext): Buffer => {
  const headerEnd = 1 + publicBytes;
  if (blob[0] !== formatVersion || blob.byteLength < headerEnd) throw tampered();
  const header = blob.subarray(0, headerEnd);
  const ephemeralPublic = header.subarray(1);
  let secret: Buffer;
  try {
    secret = diffieHellman({ privateKey, publicKey: toPublicKey(ephemeralPublic) });
  } catch {
    throw tampered();
  }
  const key = deriveKey(secret, ephemeralPublic, toRaw(createPublicKey(privateKey)));
  try {
    return decrypt(key, blob.subarray(headerEnd), Buffer.concat([header, encodeContext("seal-to", context)]));
  } finally {
    secret.fill(0);
    key.fill(0);
  }
};

/** A worker's own pair. The private half is an opaque key object: it prints and serialises to nothing. */
export interface WorkerKeys {
  /** 32 bytes, base64url. */
  publicKey: string;
  open(blob: WorkerSealedBlob, context: SealContext): Buffer;
  /** PKCS#8 DER, for a worker that keeps its key in a private file over restarts. */
  exportPrivateKey(): Buffer;
}

/** Makes a pair, or takes up the one that `exportPrivateKey` gave. */
export const createWorkerKeys = (privateKeyDer?: Uint8Array): WorkerKeys => {
  let privateKey: KeyObject;
  try {
    privateKey = privateKeyDer
      ? createPrivateKey({ key: Buffer.from(privateKeyDer), format: "der", type: "pkcs8" })
      : generateKeyPairSync("x25519").privateKey;
  } catch {
    throw unavailable("the worker's private key cannot be read");
  }
  if (privateKey.asymmetricKeyType !== "x25519") throw unavailable("the worker's private key is not an X25519 key");
  return {
    publicKey: toRaw(createPublicKey(privateKey)).toString("base64url"),
    open: (blob, context) => openWith(privateKey, blob, context),
    exportPrivateKey: () => privateKey.export({ format: "der", type: "pkcs8" }),
  };
};
