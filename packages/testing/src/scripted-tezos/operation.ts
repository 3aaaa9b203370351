import { blake2b } from "@noble/hashes/blake2.js";
import { isSigned } from "./activation.ts";
import { kinds, toBytes, toText } from "./base58.ts";
import { type ByteReader, createByteReader } from "./byte-reader.ts";

/** A manager operation's content as the RPC writes it; the kinds that the peer knows. */
export type Content = {
  source: string;
  fee: string;
  counter: string;
  gas_limit: string;
  storage_limit: string;
} & ({ kind: "reveal"; public_key: string } | { kind: "transaction"; amount: string; destination: string });

export interface Operation {
  hash: string;
  branch: string;
  contents: Content[];
  /** What was signed. */
  bytes: Buffer;
  signature: Buffer;
}

const tags = { reveal: 107, transaction: 108 } as const;
const signatureSize = 64;

const readAccount = (reader: ByteReader): string => {
  if (reader.uint8() !== 0) throw new Error("the scripted peer knows accounts of Ed25519 keys only");
  return toText(kinds.account, reader.take(20));
};

const readContent = (reader: ByteReader): Content => {
  const tag = reader.uint8();
  const source = readAccount(reader);
  const [fee, counter, gas, storage] = Array.from({ length: 4 }, () => reader.natural().toString());
  const base = { source, fee: fee ?? "", counter: counter ?? "", gas_limit: gas ?? "", storage_limit: storage ?? "" };
  if (tag === tags.reveal) {
    if (reader.uint8() !== 0) throw new Error("the scripted peer knows Ed25519 keys only");
    const public_key = toText(kinds.key, reader.take(32));
    // No proof: other kinds of keys have one.
    if (reader.uint8() !== 0) throw new Error("an Ed25519 key is revealed without a proof");
    return { kind: "reveal", ...base, public_key };
  }
  if (tag !== tags.transaction) throw new Error(`the scripted peer knows no operation ${tag}`);
  const amount = reader.natural().toString();
  if (reader.uint8() !== 0) throw new Error("the scripted peer has no contracts");
  const destination = readAccount(reader);
  if (reader.uint8() !== 0) throw new Error("the scripted peer has no contracts to call");
  return { kind: "transaction", ...base, amount, destination };
};

/** Takes a signed operation apart. Throws when it is none, or of a kind that the peer does not know. */
export const readOperation = (bytes: Buffer): Operation => {
  const unsigned = bytes.subarray(0, bytes.length - signatureSize);
  const reader = createByteReader(unsigned);
  const branch = toText(kinds.block, reader.take(32));
  const contents: Content[] = [];
  while (reader.left > 0) contents.push(readContent(reader));
  if (contents.length === 0) throw new Error("the operation has no content");
  const hash = toText(kinds.operation, blake2b(bytes, { dkLen: 32 }));
  return { hash, branch, contents, bytes: unsigned, signature: bytes.subarray(unsigned.length) };
};

const operationWatermark = Buffer.of(3);

export const isSignedBy = (key: string, { bytes, signature }: Operation): boolean =>
  isSigned(key, operationWatermark, bytes, signature);

/** `tz1…` of an `edpk…`. */
export const toAccount = (key: string): string =>
  toText(kinds.account, blake2b(toBytes(kinds.key, key), { dkLen: 20 }));

const natural = (value: string): Buffer => {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
};

const account = (text: string): Buffer => Buffer.concat([Buffer.of(0), toBytes(kinds.account, text)]);

const forgeContent = (content: Content): Buffer => {
  const { source, fee, counter, gas_limit, storage_limit } = content;
  const numbers = [fee, counter, gas_limit, storage_limit].map(natural);
  const head = [Buffer.of(tags[content.kind]), account(source), ...numbers];
  if (content.kind === "reveal")
    return Buffer.concat([...head, Buffer.of(0), toBytes(kinds.key, content.public_key), Buffer.of(0)]);
  return Buffer.concat([...head, natural(content.amount), Buffer.of(0), account(content.destination), Buffer.of(0)]);
};

/** The bytes that are signed. */
export const forgeOperation = (branch: string, contents: readonly Content[]): Buffer =>
  Buffer.concat([toBytes(kinds.block, branch), ...contents.map(forgeContent)]);
