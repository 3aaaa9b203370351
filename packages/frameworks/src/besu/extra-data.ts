import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { encodeRlp } from "../evm/rlp.ts";

const vanity = new Uint8Array(32);
const nothing = new Uint8Array(0);

/**
 * What a QBFT genesis says of its validators (block header mode): RLP of 32 bytes of vanity, the addresses, no vote (an
 * empty list), round 0, no seals. Ascending, as Besu's documentation asks for and its nodes keep them.
 */
export const toExtraData = (addresses: readonly string[]): string => {
  const sorted = addresses.map((address) => address.toLowerCase().replace(/^0x/, "")).sort();
  return `0x${bytesToHex(encodeRlp([vanity, sorted.map((digits) => hexToBytes(digits)), [], nothing, []]))}`;
};
