import { createPublicKey } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { encodeBase58Check } from "./base58check.ts";
import { encodings } from "./prefixes.ts";
import { toAddress } from "./public-key.ts";

/** What everybody may know of a key. */
export interface PublicKeyFacts {
  readonly [member: string]: string;
  /** `edpk…` */
  publicKey: string;
  /** `tz1…` */
  address: string;
}

const toFacts = (raw: Uint8Array): PublicKeyFacts => {
  const publicKey = encodeBase58Check(encodings.ed25519PublicKey.prefix, raw);
  return { publicKey, address: toAddress(publicKey) };
};

/** A key out of 32 random bytes; `secretKey` is `edsk…`, as the client's files have it behind `unencrypted:`. */
export const toKeyPair = (seed: Uint8Array): PublicKeyFacts & { secretKey: string } => ({
  ...toFacts(ed25519.getPublicKey(seed)),
  secretKey: encodeBase58Check(encodings.ed25519Seed.prefix, seed),
});

/** A key of custody, in Tezos' words. Throws when the PEM is no Ed25519 key. */
export const fromPem = (pem: string): PublicKeyFacts => {
  const { crv, x } = createPublicKey(pem).export({ format: "jwk" });
  if (crv !== "Ed25519" || x === undefined) throw new Error("not an Ed25519 key");
  return toFacts(Buffer.from(x, "base64url"));
};
