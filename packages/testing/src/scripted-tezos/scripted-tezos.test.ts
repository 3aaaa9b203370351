import { generateKeyPairSync, sign } from "node:crypto";
import { blake2b } from "@noble/hashes/blake2.js";
import { afterEach, describe, expect, it } from "vitest";
import { seededClock } from "../seeded-clock.ts";
import { noOperations, toTimestamp } from "./activation.ts";
import { kinds, toBytes, toText } from "./base58.ts";
import { createTezosChain, type TezosChain } from "./chain.ts";
import { openTezosNode, type TezosNode } from "./node.ts";
import { type Content, forgeOperation, toAccount } from "./operation.ts";
import { Refused } from "./refusal.ts";

const pair = () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const key = toText(kinds.key, raw);
  const signed = (watermark: Buffer, bytes: Buffer): Buffer =>
    Buffer.concat([bytes, sign(null, blake2b(Buffer.concat([watermark, bytes]), { dkLen: 32 }), privateKey)]);
  return { key, address: toAccount(key), signed };
};

const activator = pair();
const alice = pair();
const bob = pair();
const protocol = toText(kinds.protocol, new Uint8Array(32).fill(7));
const block = toText(kinds.block, new Uint8Array(32).fill(1));
const chainId = toText(kinds.chain, blake2b(new Uint8Array(32).fill(1), { dkLen: 32 }).subarray(0, 4));
const clock = seededClock("2026-01-01T00:10:00Z");

const sized = (bytes: Buffer): Buffer => {
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
};
/** `{ "bootstrap_accounts": [[key, amount]] }`, written out. */
const bson = (key: string, amount: string): Buffer => {
  const text = (value: string): Buffer => {
    const size = Buffer.alloc(4);
    size.writeInt32LE(value.length + 1);
    return Buffer.concat([size, Buffer.from(`${value}\0`)]);
  };
  const document = (...elements: Buffer[]): Buffer => {
    const body = Buffer.concat([...elements, Buffer.of(0)]);
    const size = Buffer.alloc(4);
    size.writeInt32LE(body.length + 4);
    return Buffer.concat([size, body]);
  };
  const entry = document(Buffer.from("\x020\0"), text(key), Buffer.from("\x021\0"), text(amount));
  return document(Buffer.from("\x04bootstrap_accounts\0"), document(Buffer.from("\x040\0"), entry));
};

const begun = (): TezosChain => {
  const genesis = {
    block,
    chainId,
    chainName: "T",
    protocol,
    timestamp: "2026-01-01T00:00:00Z",
    activator: activator.key,
  };
  const chain = createTezosChain({ genesis, protocols: [protocol], now: () => clock.now() });
  const parameters = sized(bson(alice.key, "1000000"));
  const shell = chain.preapply(protocol, ["02"], parameters, toTimestamp(1_767_225_660n));
  const level = Buffer.from([0, 0, 0, 1, 1]);
  const time = Buffer.alloc(9);
  time.writeBigInt64BE(1_767_225_660n);
  const fitness = sized(sized(Buffer.from("02", "hex")));
  const unsigned = Buffer.concat([
    ...[level, toBytes(kinds.block, block), time, toBytes(kinds.operations, noOperations), fitness],
    ...[toBytes(kinds.context, shell.context), Buffer.of(0), toBytes(kinds.protocol, protocol), fitness, parameters],
  ]);
  chain.injectBlock(activator.signed(Buffer.concat([Buffer.of(1), toBytes(kinds.chain, chainId)]), unsigned));
  return chain;
};

const transfer = (amount: string, counter: string): Content => ({
  ...{ kind: "transaction", source: alice.address, fee: "400", counter, gas_limit: "1000", storage_limit: "0" },
  ...{ amount, destination: bob.address },
});

const send = (chain: TezosChain, contents: Content[], by = alice): string =>
  chain.injectOperation(by.signed(Buffer.of(3), forgeOperation(chain.head().hash, contents)));

const refusalOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof Refused) return error.errors[0]?.id ?? "";
    throw error;
  }
  return "nothing";
};

describe("a chain that is played", () => {
  it("books a transfer, and the fee, when the block comes", () => {
    const chain = begun();
    const hash = send(chain, [transfer("2500", "1")]);
    expect(chain.account(bob.address).balance).toBe(0n);
    expect(chain.bake().operations.map((operation) => operation.hash)).toEqual([hash]);
    expect(chain.account(bob.address).balance).toBe(2_500n);
    expect(chain.account(alice.address)).toMatchObject({ balance: 1_000_000n - 2_500n - 400n, counter: 1n });
  });
  it("refuses what a node would", () => {
    const chain = begun();
    expect(refusalOf(() => send(chain, [transfer("1", "1")], bob))).toMatch(/operation\.invalid_signature$/);
    expect(refusalOf(() => send(chain, [transfer("1", "2")]))).toMatch(/contract\.counter_in_the_future$/);
    expect(refusalOf(() => send(chain, [transfer("1000000", "1")]))).toMatch(/contract\.balance_too_low$/);
    send(chain, [transfer("1", "1")]);
    expect(refusalOf(() => send(chain, [transfer("1", "1")]))).toMatch(/operation_already_in_mempool$/);
    chain.bake();
    expect(refusalOf(() => send(chain, [transfer("1", "1")]))).toMatch(/contract\.counter_in_the_past$/);
  });
  it("is taken over block by block, each checked", () => {
    const [one, other] = [begun(), begun()];
    send(one, [transfer("5", "1")]);
    const { hash, shell, operations } = one.bake();
    const bytes = operations.map((operation) => Buffer.concat([operation.bytes, operation.signature]));
    other.adopt({ hash, shell }, bytes);
    expect(other.account(bob.address)).toEqual(one.account(bob.address));
    expect(() => other.adopt({ hash, shell }, bytes)).toThrow(Refused);
  });
});

describe("a node that is played", () => {
  let node: TezosNode | undefined;
  afterEach(() => node?.close());

  it("tells its heads as they come", async () => {
    const chain = begun();
    node = await openTezosNode(chain);
    const answer = await fetch(`${node.url}/monitor/heads/main`);
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const next = async (): Promise<number> => JSON.parse((await reader?.read())?.value ?? "{}").level;
    expect(await next()).toBe(1);
    chain.bake();
    expect(await next()).toBe(2);
    await reader?.cancel();
  });
  it("fails as it is told, so often and no more", async () => {
    node = await openTezosNode(begun());
    node.fault({ path: /^\/version$/, does: { status: 503, errors: [] } });
    node.fault({ path: /chain_id$/, does: "cut" });
    const status = async (path: string): Promise<number> => {
      const answer = await fetch(`${node?.url}${path}`);
      await answer.body?.cancel();
      return answer.status;
    };
    expect([await status("/version"), await status("/version")]).toEqual([503, 200]);
    await expect(status("/chains/main/chain_id")).rejects.toThrow();
    expect(await status("/chains/main/chain_id")).toBe(200);
    expect(await status("/chains/main/blocks/99/hash")).toBe(404);
  });
});
