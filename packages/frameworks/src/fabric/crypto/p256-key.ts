import { createECDH } from "node:crypto";
import type { Random } from "@portolan/domain";
import { toPem } from "./pem.ts";

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Everything of a PKCS #8 P-256 key but the number and the point, which have a fixed length. */
const pkcs8Head = Buffer.from("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420", "hex");
const pkcs8Middle = Buffer.from("a144034200", "hex");
const spkiHead = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");

/** SubjectPublicKeyInfo (DER) of an uncompressed P-256 point (65 bytes). */
export const toSpki = (point: Uint8Array): Uint8Array => new Uint8Array(Buffer.concat([spkiHead, point]));

/**
 * A key pair of random bytes: 48 of them, so that the reduction to the curve's order favours no number (FIPS 186-5,
 * A.2.1).
 */
export const newP256Key = (random: Random): { privateKeyPem: string; publicKeyPem: string } => {
  const seed = BigInt(`0x${Buffer.from(random.bytes(48)).toString("hex")}`);
  const scalar = Buffer.from(((seed % (order - 1n)) + 1n).toString(16).padStart(64, "0"), "hex");
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  return {
    privateKeyPem: toPem("PRIVATE KEY", Buffer.concat([pkcs8Head, scalar, pkcs8Middle, point])),
    publicKeyPem: toPem("PUBLIC KEY", toSpki(point)),
  };
};
