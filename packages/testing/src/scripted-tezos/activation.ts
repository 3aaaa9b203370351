import { createPublicKey, verify } from "node:crypto";
import { blake2b } from "@noble/hashes/blake2.js";
import { kinds, toBytes, toText } from "./base58.ts";
import { type ByteReader, createByteReader } from "./byte-reader.ts";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Parameters = { [name: string]: Json };

export interface ShellHeader {
  level: number;
  proto: number;
  predecessor: string;
  timestamp: string;
  validation_pass: number;
  operations_hash: string;
  fitness: string[];
  context: string;
}

/** Block 1 as it was injected. */
export interface ActivationBlock {
  shell: ShellHeader;
  protocol: string;
  fitness: string[];
  parameters: Parameters;
  /** As they stand in the block, with their length. */
  parameterBytes: Buffer;
  unsigned: Buffer;
  signature: Buffer;
  hash: string;
}

/** Hash of no lists of operations. */
export const noOperations = "LLoZS2LW3rEi7KYU4ouBQtorua37aWWCtpDmv1n2x3xoKi6sVXLWp";
const signatureSize = 64;

export const toTimestamp = (seconds: bigint): string =>
  `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;

const fitnessOf = (reader: ByteReader): string[] => {
  const parts = createByteReader(reader.sized());
  const found: string[] = [];
  while (parts.left > 0) found.push(parts.sized().toString("hex"));
  return found;
};

const nameEnd = (bytes: Buffer, at: number): number => {
  const end = bytes.indexOf(0, at);
  if (end < 0) throw new Error("a name in the document has no end");
  return end;
};

/** One BSON document, of the kinds that JSON has. Numbers in it are little-endian. */
const readDocument = (bytes: Buffer): [string, Json][] => {
  if (bytes.readInt32LE(0) !== bytes.length || bytes.at(-1) !== 0) throw new Error("a document has another length");
  const found: [string, Json][] = [];
  let at = 4;
  for (let tag = bytes.readUInt8(at++); tag !== 0; tag = bytes.readUInt8(at++)) {
    const end = nameEnd(bytes, at);
    const name = bytes.toString("utf8", at, end);
    at = end + 1;
    const size = [2, 3, 4].includes(tag) ? bytes.readInt32LE(at) : 0;
    if (tag === 1) found.push([name, bytes.readDoubleLE(at)]);
    else if (tag === 2) found.push([name, bytes.toString("utf8", at + 4, at + 3 + size)]);
    else if (tag === 3) found.push([name, Object.fromEntries(readDocument(bytes.subarray(at, at + size)))]);
    else if (tag === 4) found.push([name, readDocument(bytes.subarray(at, at + size)).map(([, value]) => value)]);
    else if (tag === 8) found.push([name, bytes.readUInt8(at) === 1]);
    else if (tag === 10) found.push([name, null]);
    else throw new Error(`there is no tag ${tag}`);
    at += { 1: 8, 2: 4 + size, 3: size, 4: size, 8: 1, 10: 0 }[tag] ?? 0;
  }
  return found;
};

/** Parameters as the genesis' command has them: a BSON document behind its length. */
export const readParameters = (bytes: Buffer): Parameters => {
  const reader = createByteReader(bytes);
  const document = reader.sized();
  if (reader.left > 0) throw new Error("there is something behind the parameters");
  return Object.fromEntries(readDocument(document));
};

/** Takes an injected block apart. Throws when it is no activation. */
export const readActivationBlock = (bytes: Buffer): ActivationBlock => {
  const unsigned = bytes.subarray(0, bytes.length - signatureSize);
  const reader = createByteReader(unsigned);
  const shell: ShellHeader = {
    level: reader.int32(),
    proto: reader.uint8(),
    predecessor: toText(kinds.block, reader.take(32)),
    timestamp: toTimestamp(reader.int64()),
    validation_pass: reader.uint8(),
    operations_hash: toText(kinds.operations, reader.take(32)),
    fitness: fitnessOf(reader),
    context: toText(kinds.context, reader.take(32)),
  };
  if (reader.uint8() !== 0) throw new Error("the command is not an activation");
  const protocol = toText(kinds.protocol, reader.take(32));
  const fitness = fitnessOf(reader);
  const parameterBytes = reader.take(reader.left);
  const hash = toText(kinds.block, blake2b(bytes, { dkLen: 32 }));
  const signature = bytes.subarray(unsigned.length);
  return {
    shell,
    protocol,
    fitness,
    parameters: readParameters(parameterBytes),
    parameterBytes,
    unsigned,
    signature,
    hash,
  };
};

const derHead = Buffer.from("302a300506032b6570032100", "hex");

/** Whether the key (`edpk…`) made the signature over the watermark, what comes with it, and the bytes. */
export const isSigned = (key: string, watermark: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean => {
  const raw = toBytes(kinds.key, key);
  const publicKey = createPublicKey({ key: Buffer.concat([derHead, raw]), format: "der", type: "spki" });
  return verify(null, blake2b(Buffer.concat([watermark, bytes]), { dkLen: 32 }), publicKey, signature);
};

/** Stands in for the hash of a state that only a real node has: made of all that the state is made from. */
export const toContext = (...parts: readonly (string | Uint8Array)[]): string =>
  toText(kinds.context, blake2b(Buffer.concat(parts.map((part) => Buffer.from(part as string))), { dkLen: 32 }));

export const isActivator = (key: string, chainId: string, { unsigned, signature }: ActivationBlock): boolean =>
  isSigned(key, Buffer.concat([Buffer.of(1), toBytes(kinds.chain, chainId)]), unsigned, signature);
