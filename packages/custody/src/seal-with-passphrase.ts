import { randomBytes, scrypt } from "node:crypto";
import { canonicalJson, type Random } from "@portolan/domain";
import { decrypt, encrypt, keyBytes, nonceBytes } from "./aes.ts";
import { tampered } from "./error.ts";

/** scrypt's parameters (RFC 7914); memory is 128 × 2^logN × r bytes. */
export interface PassphraseCost {
  logN: number;
  r: number;
  p: number;
}

/** 128 MiB and about a third of a second. */
export const defaultPassphraseCost: PassphraseCost = { logN: 17, r: 8, p: 1 };

/** The most that a box from elsewhere may ask of this machine: 256 MiB. */
export const highestPassphraseCost: PassphraseCost = { logN: 18, r: 8, p: 1 };

/** How the key comes from the pass phrase; stands in the open beside what is sealed. */
export interface PassphraseDerivation extends PassphraseCost {
  name: "scrypt";
  /** base64url of 16 bytes. */
  salt: string;
}

export interface PassphraseBox {
  kdf: PassphraseDerivation;
  /** `nonce(12) ‖ tag(16) ‖ cipher text`. */
  sealed: Uint8Array;
}

const saltBytes = 16;
const saltForm = /^[A-Za-z0-9_-]{22}$/;

const isBounded = ({ name, logN, r, p, salt }: PassphraseDerivation): boolean => {
  const most = highestPassphraseCost;
  const areNatural = [logN, r, p].every((each) => Number.isSafeInteger(each) && each >= 1);
  return name === "scrypt" && areNatural && logN <= most.logN && r <= most.r && p <= most.p && saltForm.test(salt);
};

/** The same text from any keyboard: composed and decomposed forms are one (NFKC). */
const derive = (passphrase: string, { logN, r, p, salt }: PassphraseDerivation): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const N = 2 ** logN;
    const options = { N, r, p, maxmem: 128 * N * r * p + 32 * 2 ** 20 };
    scrypt(passphrase.normalize("NFKC"), Buffer.from(salt, "base64url"), keyBytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });

const toAad = (clear: object, kdf: PassphraseDerivation): Buffer =>
  Buffer.from(`portolan/passphrase/v1\n${canonicalJson({ clear, kdf })}`, "utf8");

/**
 * Seals to whoever knows the pass phrase (scrypt, AES-256-GCM). What stands beside it in the open (`clear`) and how the
 * key was derived are associated data: a changed one does not open.
 */
export const sealWithPassphrase = async (
  passphrase: string,
  plain: Uint8Array,
  clear: object,
  deps: { cost?: PassphraseCost; random?: Random } = {},
): Promise<PassphraseBox> => {
  const random = deps.random ?? { bytes: randomBytes };
  const { logN, r, p } = deps.cost ?? defaultPassphraseCost;
  const salt = Buffer.from(random.bytes(saltBytes)).toString("base64url");
  const kdf: PassphraseDerivation = { name: "scrypt", logN, r, p, salt };
  const key = await derive(passphrase, kdf);
  try {
    return { kdf, sealed: encrypt(key, random.bytes(nonceBytes), plain, toAad(clear, kdf)) };
  } finally {
    key.fill(0);
  }
};

/**
 * Throws `custody.tampered` on any difference: another pass phrase, a changed byte in the box or in what stands beside
 * it. Parameters beyond the bounds are refused before anything is computed.
 */
export const openWithPassphrase = async (
  passphrase: string,
  { kdf, sealed }: PassphraseBox,
  clear: object,
): Promise<Buffer> => {
  if (!isBounded(kdf)) throw tampered();
  const key = await derive(passphrase, kdf);
  try {
    return decrypt(key, sealed, toAad(clear, kdf));
  } finally {
    key.fill(0);
  }
};
