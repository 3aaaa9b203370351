import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { MaterialItem, Random } from "@portolan/domain";
import { z } from "zod";
import { toAddress } from "../evm/account.ts";
import { materialNames } from "./names.ts";

/** What everybody may know of a node's key. */
const nodeIdentity = z.object({
  /** Uncompressed point, `0x04` and 128 hexadecimal digits. */
  publicKey: z.string(),
  /** What a validator is called in votes and in blocks: 0x and 40 digits, lower case. */
  address: z.string(),
  /** The public key as enode addresses have it: 128 hexadecimal digits, without `04` in front. */
  enodeKey: z.string(),
});

export type NodeIdentity = z.output<typeof nodeIdentity>;

/** Besu's key file and what follows from it. `privateKey`: 32 bytes. */
export const toNodeKey = (privateKey: Uint8Array): { file: string; identity: NodeIdentity } => {
  const point = bytesToHex(secp256k1.getPublicKey(privateKey, false));
  return {
    file: bytesToHex(privateKey),
    identity: { publicKey: `0x${point}`, address: toAddress(privateKey).toLowerCase(), enodeKey: point.slice(2) },
  };
};

/** 48 bytes brought below the curve's order, so that no key is likelier than another. */
export const randomNodeKey = (random: Random): Uint8Array => secp256k1.utils.randomSecretKey(random.bytes(48));

/** Undefined where the node has no key yet. */
export const identityOf = (
  material: readonly Pick<MaterialItem, "name" | "public">[],
  node: string,
): NodeIdentity | undefined => {
  const item = material.find(({ name }) => name === materialNames.nodeKey(node));
  return item === undefined ? undefined : nodeIdentity.parse(item.public);
};

/** `enode://<key>@<host>:<port>`; without discovery, so that nobody asks a port for UDP that is not there. */
export const toEnode = ({ enodeKey }: Pick<NodeIdentity, "enodeKey">, at: { host: string; number: number }): string =>
  `enode://${enodeKey}@${at.host}:${at.number}?discport=0`;
