import { x25519 } from "@noble/curves/ed25519.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { encodeBase58Check } from "./base58check.ts";
import { hash } from "./blake2b.ts";
import { encodings } from "./prefixes.ts";

/** A node's identity file. */
export interface Identity {
  /** `id…`: 128 bits of BLAKE2b of the public key. */
  peer_id: string;
  public_key: string;
  secret_key: string;
  proof_of_work_stamp: string;
}

/** `id…` of a node's raw X25519 public key. */
export const toPeerId = (publicKey: Uint8Array): string =>
  encodeBase58Check(encodings.peerId.prefix, hash(publicKey, 16));

/**
 * An identity out of 32 random bytes and a stamp of 24. Difficulty 0, which every node of a private chain is told to
 * expect, takes any stamp; the work that public networks ask for takes about a minute of a processor.
 */
export const toIdentity = (secretKey: Uint8Array, stamp: Uint8Array): Identity => {
  if (secretKey.length !== 32 || stamp.length !== 24) throw new Error("an identity is 32 bytes and a stamp of 24");
  const publicKey = x25519.getPublicKey(secretKey);
  return {
    peer_id: toPeerId(publicKey),
    public_key: bytesToHex(publicKey),
    secret_key: bytesToHex(secretKey),
    proof_of_work_stamp: bytesToHex(stamp),
  };
};
