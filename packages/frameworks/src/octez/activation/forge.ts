import { decodeBase58Check } from "../encoding/base58check.ts";
import type { Encoding } from "../encoding/prefixes.ts";

export const uint8 = (value: number): Uint8Array => Uint8Array.of(value);

/** Big-endian, as everything in Octez' binary encodings. */
export const int32 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return new Uint8Array(bytes);
};

export const int64 = (value: bigint): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return new Uint8Array(bytes);
};

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Behind its length in four bytes (`dynamic_size`). */
export const sized = (bytes: Uint8Array): Uint8Array => concat(int32(bytes.length), bytes);

/** The bytes of a hash that is written in Base58Check. Throws where it is another kind. */
export const hash = ({ prefix, size }: Encoding, text: string): Uint8Array => decodeBase58Check(prefix, size, text);

/** A block's fitness: byte strings (hex), each behind its length, all of them behind theirs. */
export const fitness = (parts: readonly string[]): Uint8Array =>
  sized(concat(...parts.map((part) => sized(new Uint8Array(Buffer.from(part, "hex"))))));
