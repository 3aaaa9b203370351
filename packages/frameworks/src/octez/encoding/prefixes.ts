/** What stands before the payload so that its text begins with a known word, and the payload's bytes. */
export interface Encoding {
  prefix: readonly number[];
  size: number;
}

/** From Octez' `src/lib_crypto/base58.ml`; each is tested against Taquito's table. */
export const encodings = {
  blockHash: { prefix: [1, 52], size: 32 },
  operationHash: { prefix: [5, 116], size: 32 },
  protocolHash: { prefix: [2, 170], size: 32 },
  /** `CoV…` in a block header. */
  contextHash: { prefix: [79, 199], size: 32 },
  /** `LLo…` in a block header. */
  operationListListHash: { prefix: [29, 159, 109], size: 32 },
  chainId: { prefix: [87, 82, 0], size: 4 },
  peerId: { prefix: [153, 103], size: 16 },
  ed25519PublicKey: { prefix: [13, 15, 37, 217], size: 32 },
  /** The seed of 32 bytes, as the client's files have it. */
  ed25519Seed: { prefix: [13, 15, 58, 7], size: 32 },
  ed25519Signature: { prefix: [9, 245, 205, 134, 18], size: 64 },
  ed25519Address: { prefix: [6, 161, 159], size: 20 },
  secp256k1PublicKey: { prefix: [3, 254, 226, 86], size: 33 },
  secp256k1Address: { prefix: [6, 161, 161], size: 20 },
  p256PublicKey: { prefix: [3, 178, 139, 127], size: 33 },
  p256SecretKey: { prefix: [16, 81, 238, 189], size: 32 },
  p256Signature: { prefix: [54, 240, 44, 52], size: 64 },
  p256Address: { prefix: [6, 161, 164], size: 20 },
  blsAddress: { prefix: [6, 161, 166], size: 20 },
  /** Of any curve: `sig…`. */
  signature: { prefix: [4, 130, 43], size: 64 },
} as const satisfies { readonly [name: string]: Encoding };
