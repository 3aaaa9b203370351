import { hexToBytes } from "@noble/hashes/utils.js";
import { describe, expect, it } from "vitest";
import { encodeRlp } from "../evm/rlp.ts";
import { toExtraData } from "./extra-data.ts";
import { toGenesis } from "./genesis.ts";
import { toEnode, toNodeKey } from "./node-key.ts";
import { besuSettings } from "./settings.ts";

const zeros = "00".repeat(32);
const address = (byte: string): string => `0x${byte.repeat(20)}`;

describe("extraData", () => {
  it("is the documentation's for one validator", () => {
    const only = "fe3b557e8fb62b89f4916b721be55ceb828dbd73";
    expect(toExtraData([`0x${only}`])).toBe(`0xf83aa0${zeros}d594${only}c080c0`);
  });
  it("has four in ascending order, in lower case", () => {
    const [a, b, c, d] = ["1a", "2b", "3c", "ff"];
    expect(toExtraData([address("FF"), address("2B"), address("1a"), address("3c")])).toBe(
      `0xf87aa0${zeros}f85494${a?.repeat(20)}94${b?.repeat(20)}94${c?.repeat(20)}94${d?.repeat(20)}c080c0`,
    );
  });
  it("says nobody by an empty list, as where a contract names the validators", () => {
    expect(toExtraData([])).toBe(`0xe5a0${zeros}c0c080c0`);
  });
});

it("encodes the yellow paper's examples", () => {
  const text = (words: string): Uint8Array => new TextEncoder().encode(words);
  const hex = (item: Parameters<typeof encodeRlp>[0]): string => Buffer.from(encodeRlp(item)).toString("hex");
  expect(hex(text("dog"))).toBe("83646f67");
  expect(hex([text("cat"), text("dog")])).toBe("c88363617483646f67");
  expect(hex([[], [[]], [[], [[]]]])).toBe("c7c0c1c0c3c0c1c0");
  expect(hex(Uint8Array.of(0x0f))).toBe("0f");
  expect(hex(Uint8Array.of(0x04, 0x00))).toBe("820400");
  const long = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
  expect(hex(text(long))).toBe(`b838${Buffer.from(long).toString("hex")}`);
});

describe("a node's key", () => {
  const digits = "8f2a55949038a9610f50fb23b5883af3b4ecb3c3bb792cbcefbd1542c692be63";
  const { file, identity } = toNodeKey(hexToBytes(digits));
  it("has the documentation's address", () => {
    expect(file).toBe(digits);
    expect(identity.address).toBe("0xfe3b557e8fb62b89f4916b721be55ceb828dbd73");
  });
  it("is its point in an enode address, without the mark of an uncompressed one", () => {
    expect(identity.publicKey).toBe(`0x04${identity.enodeKey}`);
    expect(identity.enodeKey).toMatch(/^[0-9a-f]{128}$/);
    expect(toEnode(identity, { host: "10.0.0.7", number: 30_303 })).toBe(
      `enode://${identity.enodeKey}@10.0.0.7:30303?discport=0`,
    );
  });
});

describe("a genesis", () => {
  const madeAt = new Date("2026-11-23T15:00:00Z");
  const make = (settings: object) =>
    toGenesis({
      chainId: 7_300_000_044,
      settings: besuSettings.parse(settings),
      validators: [address("bb"), address("AA")],
      madeAt,
    });
  const read = (settings: object) => JSON.parse(make(settings).genesis);

  it("is the same text each time, with its digest", () => {
    expect(make({})).toEqual(make({}));
    expect(make({}).hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(make({ blockPeriodSeconds: 5 }).hash).not.toBe(make({}).hash);
    expect(make({}).validators).toEqual([address("aa"), address("bb")]);
  });
  it("makes gas free, with QBFT's times", () => {
    const { config, timestamp, extraData, baseFeePerGas, alloc, difficulty } = read({ blockPeriodSeconds: 3 });
    expect(config).toMatchObject({ chainId: 7_300_000_044, londonBlock: 0, shanghaiTime: 0, zeroBaseFee: true });
    expect(config.qbft).toEqual({ blockperiodseconds: 3, epochlength: 30_000, requesttimeoutseconds: 6 });
    expect(config).not.toHaveProperty("contractSizeLimit");
    expect(Number(timestamp) * 1_000).toBe(madeAt.getTime());
    expect(extraData).toBe(toExtraData([address("aa"), address("bb")]));
    expect({ baseFeePerGas, alloc, difficulty }).toEqual({ baseFeePerGas: undefined, alloc: {}, difficulty: "0x1" });
  });
  it("prices gas, gives Ether in wei, and takes larger contracts and older rules", () => {
    const { config, alloc, baseFeePerGas, gasLimit } = read({
      gas: "priced",
      baseFeeWei: 7,
      gasLimit: 50_000_000,
      contractSizeLimit: 65_536,
      hardfork: "london",
      allocations: [{ address: address("CD"), balanceEther: "1.5" }],
    });
    expect(config).not.toHaveProperty("zeroBaseFee");
    expect(config).not.toHaveProperty("shanghaiTime");
    expect(config.contractSizeLimit).toBe(65_536);
    expect({ baseFeePerGas, gasLimit: Number(gasLimit) }).toEqual({ baseFeePerGas: "0x7", gasLimit: 50_000_000 });
    expect(alloc).toEqual({ ["cd".repeat(20)]: { balance: `0x${(15n * 10n ** 17n).toString(16)}` } });
  });
});
