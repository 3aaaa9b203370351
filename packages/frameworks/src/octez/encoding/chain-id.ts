import { decodeBase58Check, encodeBase58Check } from "./base58check.ts";
import { hash } from "./blake2b.ts";
import { encodings } from "./prefixes.ts";

const { blockHash, chainId } = encodings;

/**
 * The hash of a chain's block 0, made from its name. Any well-formed hash will do; one of the chain's own keeps its id
 * from being another's: Octez' built-in sandbox has the block of the public main network, and so its id.
 */
export const toGenesisHash = (chainName: string): string =>
  encodeBase58Check(blockHash.prefix, hash(new TextEncoder().encode(chainName), 32));

/** `Net…` of the chain that begins with this block (`B…`). Throws when that is no hash of a block. */
export const toChainId = (genesisHash: string): string => {
  const raw = decodeBase58Check(blockHash.prefix, blockHash.size, genesisHash);
  return encodeBase58Check(chainId.prefix, hash(raw, 32).subarray(0, chainId.size));
};
