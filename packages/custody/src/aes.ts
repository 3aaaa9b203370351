import { createCipheriv, createDecipheriv } from "node:crypto";
import { tampered } from "./error.ts";

/** Sizes in bytes of AES-256-GCM with the 96-bit nonce of NIST SP 800-38D §8.2.2. */
export const keyBytes = 32;
export const nonceBytes = 12;
export const tagBytes = 16;

/** `nonce ‖ tag ‖ cipher text`. */
export const encrypt = (key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, aad: Uint8Array): Buffer => {
  if (key.byteLength !== keyBytes || nonce.byteLength !== nonceBytes) throw new RangeError("wrong key or nonce size");
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(aad);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
};

/** Inverse of `encrypt`. Throws `custody.tampered` on any difference. */
export const decrypt = (key: Uint8Array, box: Uint8Array, aad: Uint8Array): Buffer => {
  if (box.byteLength < nonceBytes + tagBytes) throw tampered();
  const nonce = box.subarray(0, nonceBytes);
  const tag = box.subarray(nonceBytes, nonceBytes + tagBytes);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(box.subarray(nonceBytes + tagBytes)), decipher.final()]);
  } catch {
    throw tampered();
  }
};
