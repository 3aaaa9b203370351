import type { JsonObject } from "@portolan/domain";
import { encodeBase58Check } from "../encoding/base58check.ts";
import { hash as hashBytes } from "../encoding/blake2b.ts";
import { encodings } from "../encoding/prefixes.ts";
import { toBson } from "./bson.ts";
import { concat, fitness, hash, int32, int64, sized, uint8 } from "./forge.ts";

/** What every block's header begins with, whatever its protocol; as the RPC writes it (`block_header.ml`). */
export interface ShellHeader {
  level: number;
  /** Counts protocols; `proto` in the RPC. */
  proto: number;
  predecessor: string;
  /** RFC 3339, whole seconds. */
  timestamp: string;
  /** `validation_pass` in the RPC. */
  validationPass: number;
  operationsHash: string;
  /** Hex. */
  fitness: readonly string[];
  context: string;
}

/** The genesis protocol's one command that counts: from the next block on another protocol is in force. */
export interface Activation {
  protocol: string;
  fitness: readonly string[];
  parameters: JsonObject;
}

/**
 * Fitness of the first block as Tenderbake's protocols read it: version 2, level 0, no locked round, a predecessor's
 * round that is none, round 0. It is what `octez-client` makes of `with fitness 1` (`proto_genesis/lib_client`).
 */
export const activationFitness: readonly string[] = ["02", "00000000", "", "ffffffff", "00000000"];

const toSeconds = (timestamp: string): bigint => BigInt(Math.floor(Date.parse(timestamp) / 1_000));

/** In binary (`Block_header.shell_header_encoding`). */
export const forgeShellHeader = (header: ShellHeader): Uint8Array =>
  concat(
    int32(header.level),
    uint8(header.proto),
    hash(encodings.blockHash, header.predecessor),
    int64(toSeconds(header.timestamp)),
    uint8(header.validationPass),
    hash(encodings.operationListListHash, header.operationsHash),
    fitness(header.fitness),
    hash(encodings.contextHash, header.context),
  );

/** The parameters as the protocol takes them out of its context: JSON in binary, behind its length. */
export const forgeParameters = (parameters: JsonObject): Uint8Array => sized(toBson(parameters));

const activateTag = 0;

/** The command in binary (`Data.Command.encoding` of the genesis protocols, which never change). */
export const forgeActivation = ({ protocol, fitness: parts, parameters }: Activation): Uint8Array =>
  concat(uint8(activateTag), hash(encodings.protocolHash, protocol), fitness(parts), forgeParameters(parameters));

/** The block without its signature. */
export const forgeUnsigned = (shell: ShellHeader, activation: Activation): Uint8Array =>
  concat(forgeShellHeader(shell), forgeActivation(activation));

const blockWatermark = 0x01;

/**
 * What is signed of a block: 32 bytes of BLAKE2b of a watermark, the chain's id and the block, so that a signature is
 * worth nothing on another chain (`signature_v0.ml`, `ed25519.ml`).
 */
export const toSigned = (chainId: string, unsigned: Uint8Array): Uint8Array =>
  hashBytes(concat(uint8(blockWatermark), hash(encodings.chainId, chainId), unsigned), 32);

/** The block as it is injected. Genesis protocols know signatures of 64 bytes only. */
export const assembleBlock = (unsigned: Uint8Array, signature: Uint8Array): Uint8Array => {
  if (signature.length !== encodings.signature.size) throw new Error("the signature has another length");
  return concat(unsigned, signature);
};

/** `B…` of a whole header, its signature included. */
export const toBlockHash = (block: Uint8Array): string =>
  encodeBase58Check(encodings.blockHash.prefix, hashBytes(block, 32));
