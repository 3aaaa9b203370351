import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { canonicalJson, type MaterialItem, type NodeAddress, type NodeObservation } from "@portolan/domain";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { anvilSpec, seededRandom } from "../../test/anvil-spec.ts";
import { deriveAccounts } from "../evm/account.ts";
import { toWei } from "../evm/ether.ts";
import type { InspectInput } from "../framework.ts";
import type { OperatorConfig } from "../operator-config.ts";
import { anvil } from "./anvil.ts";
import { makeMaterial } from "./material.ts";
import { anvilSettings, evmChainId } from "./settings.ts";

const operator: OperatorConfig = {
  forks: [{ name: "sepolia", url: "https://secret.example/token", chainId: 11_155_111 }],
  forwarderUrl: "http://127.0.0.1:4999/",
};
const own = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const numbered = (count: number) => ({ address: `0x${String(count).padStart(40, "0")}`, balanceEther: "1" });
const twice = (...addresses: string[]) => addresses.map((address) => ({ address, balanceEther: "1" }));
const now = new Date("2026-01-01T00:00:00Z");

describe("settings", () => {
  it("has defaults for everything", () => {
    expect(anvilSettings.parse({})).toEqual({
      accounts: 10,
      balanceEther: "10000",
      fund: [],
      blockTimeSeconds: 0,
      hardfork: "prague",
      gasLimit: 30_000_000,
      baseFeeWei: 1_000_000_000,
    });
  });
  it.each([
    [{ chainId: 1 }],
    [{ chainId: "31337" }],
    [{ accounts: 0 }],
    [{ accounts: 51 }],
    [{ accounts: 1.5 }],
    [{ balanceEther: 10 }],
    [{ balanceEther: "1000000000.1" }],
    [{ balanceEther: "1e9" }],
    [{ balanceEther: "-1" }],
    [{ balanceEther: "01" }],
    [{ balanceEther: "1.0000000000000000001" }],
    [{ blockTimeSeconds: -1 }],
    [{ blockTimeSeconds: 3601 }],
    [{ hardfork: "latest" }],
    [{ gasLimit: 1 }],
    [{ gasLimit: 1_000_000_001 }],
    [{ fork: "https://rpc.example" }],
    [{ fork: { network: "https://rpc.example", blockNumber: 1 } }],
    [{ fork: { network: "../admin", blockNumber: 1 } }],
    [{ fork: { network: "sepolia" } }],
    [{ fork: { network: "sepolia", blockNumber: 1, url: "http://10.0.0.1" } }],
    [{ mnemonic: "test" }],
    [{ fund: [{ address: own }] }],
    [{ fund: [{ address: own, balanceEther: 1 }] }],
    [{ fund: [{ address: own, balanceEther: "1000000000.1" }] }],
    [{ fund: [{ address: own, balanceEther: "1", secretKey: "0x1" }] }],
    [{ fund: [{ address: own.slice(0, -1), balanceEther: "1" }] }],
    [{ fund: [{ address: own.replace("0x", "0X"), balanceEther: "1" }] }],
    [{ fund: [{ address: own.replace("e5", "E5"), balanceEther: "1" }] }],
    [{ fund: [{ address: `0x${"0".repeat(40)}`, balanceEther: "1" }] }],
    [{ fund: twice(own, own.toLowerCase()) }],
    [{ fund: Array.from({ length: 21 }, (_, index) => numbered(index + 1)) }],
  ])("refuses %j", (settings) => expect(anvilSettings.safeParse(settings).success).toBe(false));
  it("takes an address in one case, or in mixed case with its checksum, and twenty of them", () => {
    const { length } = anvilSettings.parse({
      fund: Array.from({ length: 20 }, (_, index) => numbered(index + 1)),
    }).fund;
    expect(length).toBe(20);
    for (const address of [own, own.toLowerCase(), `0x${own.slice(2).toUpperCase()}`]) {
      expect(anvilSettings.parse({ fund: [{ address, balanceEther: "1" }] }).fund[0]?.address).toBe(address);
    }
  });
  it("tells in its schema what each of them is for", () => {
    const { properties } = z.toJSONSchema(anvilSettings, { io: "input" });
    for (const property of Object.values(properties ?? {})) expect(property).toHaveProperty("description");
  });
  it("counts wei exactly", () => {
    expect(toWei("1000000000")).toBe(10n ** 27n);
    expect(toWei("0.000000000000000001")).toBe(1n);
    expect(toWei("1.5")).toBe(1_500_000_000_000_000_000n);
  });
  it("gives each chain an id of its own, unless a tool's id is asked for", () => {
    expect(evmChainId(anvilSpec())).toBe(7_300_000_042);
    expect(evmChainId(anvilSpec({}, { serial: 43 }))).toBe(7_300_000_043);
    expect(evmChainId(anvilSpec({ chainId: 1337 }))).toBe(1337);
    expect(Number.isSafeInteger(2 * evmChainId(anvilSpec({}, { serial: 2 ** 31 })) + 36)).toBe(true);
  });
});

describe("review and attributes", () => {
  const forked = (network: string) => anvilSpec({ fork: { network, blockNumber: 5 } });
  it("takes a listed network only", () => {
    expect(anvil.review(forked("sepolia"), operator)).toEqual([]);
    expect(anvil.review(forked("mainnet"), operator)).toMatchObject([
      { path: "settings.fork.network", code: "address.forbidden", hint: "Listed: sepolia." },
    ]);
    expect(anvil.review(forked("sepolia"), { forks: operator.forks })).toMatchObject([
      { hint: "Forking is not offered here." },
    ]);
  });
  it("stands in one region", () => {
    expect(anvil.review(anvilSpec({}, { regions: ["a", "b"] }), operator)).toMatchObject([{ path: "regions" }]);
  });
  it("carries test currency, unless it shows a public network's", () => {
    expect(anvil.attributes(anvilSpec())).toEqual({ access: "permissioned", currency: "test" });
    expect(anvil.attributes(forked("sepolia"))).toEqual({ access: "permissioned", currency: "public" });
  });
});

describe("material", () => {
  const made = makeMaterial(anvilSpec({ accounts: 3 }), [], { random: seededRandom(), now });
  it("has accounts that belong to the mnemonic", () => {
    const mnemonic = new TextDecoder().decode(made[0]?.secret);
    expect(mnemonic.split(" ")).toHaveLength(24);
    const accounts = deriveAccounts(mnemonic, 3).map(({ address, path }) => ({ address, path }));
    expect(made[1]?.public).toEqual({ accounts });
  });
  it("differs by randomness, not by call", () => {
    expect(makeMaterial(anvilSpec({ accounts: 3 }), [], { random: seededRandom(), now })).toEqual(made);
    expect(makeMaterial(anvilSpec({ accounts: 3 }), [], { random: seededRandom("other"), now })[1]).not.toEqual(
      made[1],
    );
  });
  it("is never remade, whatever the settings become", () => {
    expect(makeMaterial(anvilSpec({ accounts: 9 }), made, { random: seededRandom("other"), now })).toEqual([]);
    expect(() => makeMaterial(anvilSpec(), made.slice(1), { random: seededRandom(), now })).toThrow("incomplete");
  });
  it("funds whom it is told to, without a key, and adds to an account of its own", () => {
    const address = deriveAccounts(new TextDecoder().decode(made[0]?.secret), 1)[0]?.address ?? "";
    const fund = [
      { address: own, balanceEther: "2.5" },
      { address, balanceEther: "1" },
    ];
    const [, , genesis] = makeMaterial(anvilSpec({ accounts: 3, fund }), [], { random: seededRandom(), now });
    const { alloc } = JSON.parse(new TextDecoder().decode(genesis?.secret));
    expect(Object.keys(alloc)).toHaveLength(4);
    expect(alloc[own.toLowerCase()]).toEqual({ balance: `0x${(25n * 10n ** 17n).toString(16)}` });
    expect(alloc[address.toLowerCase()]).toEqual({
      balance: `0x${(10_001n * 10n ** 18n).toString(16)}`,
      secretKey: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    });
  });
  it("derives the well-known accounts of the test mnemonic", () => {
    const [first, second] = deriveAccounts("test test test test test test test test test test test junk", 2);
    expect([first?.address, second?.address]).toEqual([
      "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
      "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    ]);
  });
});

describe("blueprint", () => {
  const addresses: NodeAddress[] = ["rpc", "keeper"].map((port, index) => ({
    node: "node-0",
    port,
    host: "10.1.1.1",
    number: 41_000 + index,
    bindHost: "0.0.0.0",
    bindNumber: 9_000 + index,
  }));
  const capabilities = {
    isolation: "none",
    hasStorageExpansion: false,
    hasSnapshots: false,
    exposures: ["gateway"],
  } as const;
  const render = (settings: object) => {
    const spec = anvilSpec(settings);
    const material: MaterialItem[] = makeMaterial(spec, [], { random: seededRandom(), now });
    const regions = { local: { placementId: "plc_1", capabilities } };
    return anvil.blueprint(spec, material, { regions, addresses: { local: addresses }, operator })["local"];
  };
  it("reaches a fork through the forwarder, never by the network's address", () => {
    const text = canonicalJson(render({ fork: { network: "sepolia", blockNumber: 5 } }));
    expect(text).toContain('"--fork-url","http://127.0.0.1:4999/sepolia","--fork-block-number","5"');
    expect(text).not.toContain("secret.example");
  });
  it("lets the keeper dial anvil inside the node", () => {
    expect(render({})?.nodes[0]?.processes[1]?.args).toContain("http://127.0.0.1:9000");
  });
});

describe("inspect", () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });
  const serve = (answer: (body: string) => unknown): Promise<number> =>
    new Promise((resolve) => {
      const server = createServer(async (request, response) => {
        let body = "";
        for await (const chunk of request) body += chunk;
        response.end(JSON.stringify(answer(body)));
      });
      closing.push(() => {
        server.closeAllConnections();
        server.close();
      });
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  const rpc = (instanceId: string, chainId = 7_300_000_042) =>
    serve(() => [
      { id: 2, result: { instanceId } },
      { id: 0, result: `0x${chainId.toString(16)}` },
      { id: 1, result: "0x10" },
    ]);
  const keeper = (status: object) =>
    serve(() => ({ loaded: true, instance: null, problem: null, savedAt: null, ...status }));
  const input = (
    ports: { rpc?: number; keeper?: number },
    more: Partial<InspectInput> = {},
    incarnation = 1,
  ): InspectInput => ({
    chain: { chainId: "chn_1", framework: "anvil", version: "1.7.1", settings: anvilSettings.parse({}), serial: 42 },
    nodes: [],
    previous: null,
    signer: {
      createKey: () => Promise.reject(new Error("no keys here")),
      sign: () => Promise.reject(new Error("no signatures here")),
    },
    access: {
      region: "local",
      dial: async (_node, port) => ({ host: "127.0.0.1", port: (port === "rpc" ? ports.rpc : ports.keeper) ?? 1 }),
      observations: [{ node: "node-0", state: "running", incarnation } satisfies NodeObservation],
      signal: new AbortController().signal,
      now,
    },
    ...more,
  });
  const lived = { nodes: {}, facts: { everHealthy: true, chainId: "7300000042" }, at: now.toISOString() };

  it("is well at once in its first life", async () => {
    const view = await anvil.inspect(input({ rpc: await rpc("a") }));
    expect(view.nodes["node-0"]).toMatchObject({ healthy: true, height: "16" });
    expect(view.facts).toEqual({ chainId: "7300000042", incarnation: "a", everHealthy: true });
  });
  it.each([
    ["no keeper yet", undefined],
    ["not loaded", { loaded: false, instance: null }],
    ["loaded into the run before", { instance: "a" }],
  ])("is not well later while there is: %s", async (_name, status) => {
    const ports = { rpc: await rpc("b"), ...(status === undefined ? {} : { keeper: await keeper(status) }) };
    const view = await anvil.inspect(input(ports, { previous: lived }, 2));
    expect(view.nodes["node-0"]?.healthy).toBe(false);
    expect(view.facts["everHealthy"]).toBe(true);
  });
  it("waits for the keeper where the view was lost but the node had lived", async () => {
    const view = await anvil.inspect(input({ rpc: await rpc("b") }, {}, 2));
    expect(view.nodes["node-0"]?.healthy).toBe(false);
  });
  it("waits for the keeper in the first life of a chain that came with its data", async () => {
    const { chain } = input({});
    const isImported = { chain: { ...chain, isImported: true as const } };
    const early = await anvil.inspect(input({ rpc: await rpc("a") }, isImported));
    expect(early.nodes["node-0"]?.healthy).toBe(false);
    const ports = { rpc: await rpc("a"), keeper: await keeper({ instance: "a" }) };
    expect((await anvil.inspect(input(ports, isImported))).nodes["node-0"]?.healthy).toBe(true);
  });
  it("is well later once the state is in this run", async () => {
    const ports = { rpc: await rpc("b"), keeper: await keeper({ instance: "b" }) };
    const view = await anvil.inspect(input(ports, { previous: lived }, 2));
    expect(view.nodes["node-0"]?.healthy).toBe(true);
  });
  it("says when an older state had to be taken", async () => {
    const ports = { rpc: await rpc("b"), keeper: await keeper({ instance: "b", problem: "an older one is loaded" }) };
    const view = await anvil.inspect(input(ports, { previous: lived }, 2));
    expect(view.nodes["node-0"]).toMatchObject({ healthy: true, reason: "an older one is loaded" });
  });
  it("does not take another chain for its own", async () => {
    const view = await anvil.inspect(input({ rpc: await rpc("a", 1) }));
    expect(view.nodes["node-0"]).toMatchObject({ healthy: false, reason: "chain id is 1, not 7300000042" });
  });
  it("keeps what it knew when nothing answers", async () => {
    const view = await anvil.inspect(input({}, { previous: lived }));
    expect(view).toMatchObject({
      nodes: { "node-0": { healthy: false, reason: "not answering yet" } },
      facts: lived.facts,
    });
  });
});
