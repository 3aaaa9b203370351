import { blake2b } from "@noble/hashes/blake2.js";

/** BLAKE2b without a key, as Tezos hashes everything: 32 bytes for blocks and signatures, 20 for accounts, 16 for peers. */
export const hash = (data: Uint8Array, size: 32 | 20 | 16): Uint8Array => blake2b(data, { dkLen: size });
