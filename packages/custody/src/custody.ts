import { randomBytes } from "node:crypto";
import type { Random } from "@portolan/domain";
import { encodeContext, type SealContext } from "./aad.ts";
import { decrypt, encrypt, keyBytes, nonceBytes, tagBytes } from "./aes.ts";
import { tampered } from "./error.ts";
import { type KekProvider, kekIdForm } from "./kek.ts";

/**
 * Sealed bytes: `version(1)=1 ‖ length of KEK id(1) ‖ KEK id ‖ wrapped DEK(12 nonce + 16 tag + 32) ‖ nonce(12) ‖
 * tag(16) ‖ cipher text`. The header and the context are associated data of both layers.
 */
export type SealedBlob = Uint8Array;

export interface Custody {
  /** Seals bytes to their context. */
  seal(plain: Uint8Array, context: SealContext): Promise<SealedBlob>;
  /** Throws `custody.tampered` on any difference in blob or context, `custody.unavailable` without the KEK. */
  open(blob: SealedBlob, context: SealContext): Promise<Buffer>;
  /** The same secret under the current KEK; the blob itself when it already is. */
  rewrap(blob: SealedBlob, context: SealContext): Promise<SealedBlob>;
}

export interface CustodyDeps {
  kek: KekProvider;
  /** Cryptographic randomness unless a test passes another. */
  random?: Random;
}

const formatVersion = 1;
const wrappedBytes = nonceBytes + tagBytes + keyBytes;

const renderHeader = (kekId: string): Buffer =>
  Buffer.concat([Buffer.from([formatVersion, Buffer.byteLength(kekId)]), Buffer.from(kekId, "utf8")]);

const parseBlob = (blob: SealedBlob) => {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  const idEnd = 2 + (bytes[1] ?? 0);
  const kekId = bytes.toString("latin1", 2, idEnd);
  const bodyStart = idEnd + wrappedBytes;
  if (bytes[0] !== formatVersion || !kekIdForm.test(kekId) || bytes.byteLength < bodyStart + nonceBytes + tagBytes)
    throw tampered();
  return {
    kekId,
    header: bytes.subarray(0, idEnd),
    wrapped: bytes.subarray(idEnd, bodyStart),
    body: bytes.subarray(bodyStart),
  };
};

/** Envelope encryption of secrets at rest (AES-256-GCM, random 96-bit nonces, one data key per secret). */
export const createCustody = ({ kek: keks, random = { bytes: randomBytes } }: CustodyDeps): Custody => {
  const wrapAad = (header: Uint8Array, context: SealContext) => Buffer.concat([header, encodeContext("dek", context)]);

  const unwrap = async (blob: SealedBlob, context: SealContext) => {
    const parsed = parseBlob(blob);
    const kek = await keks.byId(parsed.kekId);
    return { ...parsed, dek: decrypt(kek.key, parsed.wrapped, wrapAad(parsed.header, context)) };
  };
  const wrap = async (dek: Uint8Array, context: SealContext): Promise<Buffer> => {
    const kek = await keks.current();
    const header = renderHeader(kek.id);
    return Buffer.concat([header, encrypt(kek.key, random.bytes(nonceBytes), dek, wrapAad(header, context))]);
  };

  return {
    seal: async (plain, context) => {
      const dek = random.bytes(keyBytes);
      try {
        const body = encrypt(dek, random.bytes(nonceBytes), plain, encodeContext("secret", context));
        return Buffer.concat([await wrap(dek, context), body]);
      } finally {
        dek.fill(0);
      }
    },
    open: async (blob, context) => {
      const { dek, body } = await unwrap(blob, context);
      try {
        return decrypt(dek, body, encodeContext("secret", context));
      } finally {
        dek.fill(0);
      }
    },
    rewrap: async (blob, context) => {
      const { dek, body, kekId } = await unwrap(blob, context);
      try {
        // A blob that no longer opens must not be given a fresh, valid-looking wrap.
        decrypt(dek, body, encodeContext("secret", context)).fill(0);
        if (kekId === (await keks.current()).id) return blob;
        return Buffer.concat([await wrap(dek, context), body]);
      } finally {
        dek.fill(0);
      }
    },
  };
};
