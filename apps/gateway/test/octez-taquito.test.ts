import { get, type IncomingMessage } from "node:http";
import { findFramework } from "@portolan/frameworks";
import { InMemorySigner } from "@taquito/signer";
import { PollingSubscribeProvider, TezosToolkit } from "@taquito/taquito";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { httpTarget, startHttpNode } from "./http-node.ts";
import { edgeApp, edgeKey, edgeRoute } from "./memory-edge.ts";
import { openTezosScene } from "./octez-scene.ts";

// The first account of Tezos' sandboxes, which everybody knows.
const secretKey = "edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh";
const other = "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb";
const contract = "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn";

let scene: Awaited<ReturnType<typeof openTezosScene>>;
let contracts: Awaited<ReturnType<typeof startHttpNode>>;
let harness: Harness;
let url: string;
let account: string;

const script = {
  code: [
    {
      prim: "parameter",
      args: [
        {
          prim: "or",
          args: [
            { prim: "int", annots: ["%add"] },
            { prim: "unit", annots: ["%reset"] },
          ],
        },
      ],
    },
    {
      prim: "storage",
      args: [
        {
          prim: "pair",
          args: [
            { prim: "int", annots: ["%count"] },
            { prim: "big_map", annots: ["%owners"], args: [{ prim: "address" }, { prim: "nat" }] },
          ],
        },
      ],
    },
    { prim: "code", args: [[{ prim: "FAILWITH" }]] },
  ],
  storage: { prim: "Pair", args: [{ int: "41" }, { int: "7" }] },
};

/** The scripted chain has no contracts: what a node would say of one is answered here, everything else by the chain. */
const answerContract = (target: string): unknown => {
  // The key of a big map, whose hash is made of it.
  if (target.endsWith("/helpers/scripts/pack_data")) return { packed: "050a00000001ab", gas: "unaccounted" };
  const rest = /\/context\/(?:contracts\/KT1\w+|big_maps)([/?].*)?$/.exec(target);
  const part = rest?.[1] ?? "";
  if (rest === null) return undefined;
  if (part === "") return { balance: "0", script };
  if (part === "/script" || part === "/script/normalized") return script;
  if (part === "/storage") return script.storage;
  if (part.startsWith("/7/expr")) return { int: "5" };
  if (part.startsWith("/entrypoints"))
    return { unreachable: [], entrypoints: { add: { prim: "int" }, reset: { prim: "unit" } } };
  return undefined;
};

const routeTo = (port: number) => ({
  ...{ framework: "octez", plan: "standard", targets: { http: [httpTarget(port)] } },
  facts: { chainId: scene.genesis.chainId },
});
const frameworks = { protocols: (slug: string) => findFramework(slug)?.protocols ?? [] };

beforeEach(async () => {
  account = await new InMemorySigner(secretKey).publicKeyHash();
  scene = await openTezosScene({ accounts: [{ address: account, balanceTez: "1000" }] });
  contracts = await startHttpNode(({ verb, target, body }, res) => {
    const own = answerContract(target);
    if (own !== undefined) {
      res.end(JSON.stringify(own));
      return;
    }
    const init = verb === "GET" ? {} : { method: verb, body };
    void fetch(`${scene.node.url}${target}`, init).then(async (answer) => {
      res.writeHead(answer.status).end(await answer.text());
    });
  });
  harness = await startGateway({
    frameworks,
    route: routeTo(scene.node.port),
  });
  url = `${harness.url}/chn_1/${harness.secret}`;
});
afterEach(async () => {
  await harness.close();
  await contracts.close();
  await scene.node.close();
});

const toolkit = (): TezosToolkit => {
  const tezos = new TezosToolkit(url);
  const streams = { pollingIntervalMilliseconds: 20, shouldObservableSubscriptionRetry: true };
  tezos.setProvider({ signer: new InMemorySigner(secretKey) });
  tezos.setStreamProvider(tezos.getFactory(PollingSubscribeProvider)(streams));
  return tezos;
};
const counted = async (): Promise<{ [method: string]: number }> => {
  while ((await harness.gateway.metering.shipAll()).left > 0);
  const sums: { [method: string]: number } = {};
  for (const { method = "", count } of harness.edge.records()) sums[method] = (sums[method] ?? 0) + Number(count);
  return sums;
};

describe("Taquito through the gateway", () => {
  it("reads: balance, constants, blocks, the chain by its id", async () => {
    const tezos = toolkit();
    expect((await tezos.tz.getBalance(account)).toString()).toBe("1000000000");
    expect(await tezos.rpc.getChainId()).toBe(scene.genesis.chainId);
    const constants = await tezos.rpc.getConstants();
    expect(constants.hard_gas_limit_per_operation?.toString()).toMatch(/^\d+$/);
    expect((await tezos.rpc.getBlockHeader({ block: "head~0" })).level).toBe(1);
    const byId = await fetch(`${url}/chains/${scene.genesis.chainId}/blocks/head/hash`);
    expect(await byId.json()).toBe(scene.chain.head().hash);
    expect(scene.node.calls.every((call) => !call.includes(scene.genesis.chainId))).toBe(true);
    // Nothing that is the gateway's own comes to the node.
    expect(scene.node.calls.join(" ")).not.toMatch(/ptl_|chn_1/);
  });

  it("transfers: estimates, forges, preapplies, injects and sees it confirmed", async () => {
    scene.bake();
    const before = scene.node.calls.length;
    const tezos = toolkit();
    const operation = await tezos.contract.transfer({ to: other, amount: 12 });
    expect(scene.chain.pending.length).toBe(1);
    const confirmed = operation.confirmation(1, 30);
    scene.bake();
    await confirmed;
    expect((await tezos.tz.getBalance(other)).toString()).toBe("12000000");
    expect(scene.node.calls).toContain("POST /injection/operation");
    const calls = await counted();
    expect(calls["injection_operation"]).toBe(1);
    expect(calls["scripts_simulate_operation"]).toBeGreaterThanOrEqual(1);
    const write = harness.edge.records().find(({ method }) => method === "injection_operation");
    expect(write).toMatchObject({ sku: "rpc.compute", quantity: "100", dims: { class: "write" } });
    // What is counted is what the node was asked.
    const sum = async () => Object.values(await counted()).reduce((total, count) => total + count, 0);
    await eventually(async () => (await sum()) === scene.node.calls.length - before);
  });

  it("reads a contract's storage and big map, and its entrypoints", async () => {
    harness.edge.change({ kind: "route", route: edgeRoute(0, { ...routeTo(contracts.port), version: "2" }) });
    const counter = await toolkit().contract.at(contract);
    expect(Object.keys(counter.methodsObject)).toEqual(expect.arrayContaining(["add", "reset"]));
    const storage = await counter.storage<{
      count: { toString(): string };
      owners: { get(key: string): Promise<unknown> };
    }>();
    expect(storage.count.toString()).toBe("41");
    expect(String(await storage.owners.get(other))).toBe("5");
    expect(await counted()).toMatchObject({ contracts: 2, scripts_pack_data: 1, big_maps_value: 1 });
  });

  it("hears of heads as blocks come: polled by Taquito, and as a stream", async () => {
    const levels: number[] = [];
    const sub = toolkit().stream.subscribeBlock("head");
    sub.on("data", ({ header }) => levels.push(header.level));
    const answer = await new Promise<IncomingMessage>((resolve) =>
      get(`${url}/monitor/heads/main`, { agent: false }, resolve),
    );
    let text = "";
    answer.setEncoding("utf8");
    answer.on("data", (chunk: string) => {
      text += chunk;
    });
    answer.on("error", () => undefined);
    await eventually(() => text.includes('"level":1'));
    scene.bake();
    await eventually(() => text.split("\n").length === 3);
    expect(
      text
        .split("\n")
        .slice(0, 2)
        .map((line) => (JSON.parse(line) as { level: number }).level),
    ).toEqual([1, 2]);
    await eventually(() => levels.includes(2));
    sub.close();
    harness.edge.change({ kind: "key", key: edgeKey(harness.secret, { version: "2", isRevoked: true }) });
    await eventually(() => scene.node.streams === 0);
    expect((await counted())["monitor_heads"]).toBe(1);
  });

  it("reads refusals as errors of Tezos: a denied path, a wrong key, a node's own no", async () => {
    const tezos = toolkit();
    const denied = await fetch(`${url}/network/peers`);
    expect([denied.status, await denied.json()]).toEqual([
      403,
      [
        expect.objectContaining({
          kind: "permanent",
          id: "portolan.method.denied",
          msg: expect.stringContaining("peers"),
        }),
      ],
    ]);
    for (const [verb, path] of [
      ["POST", "/injection/block"],
      ["POST", "/private/injection/operation"],
      ["GET", "/workers/prevalidators"],
      ["DELETE", "/network/greylist"],
      ["PATCH", "/chains/main"],
      ["PUT", "/config/logging"],
    ] as const)
      expect([
        path,
        (await fetch(`${url}${path}`, { method: verb, body: verb === "GET" ? null : "{}" })).status,
      ]).toEqual([path, 403]);
    const before = scene.node.calls.length;
    await expect(tezos.rpc.injectOperation("00".repeat(40))).rejects.toMatchObject({
      status: 422,
      body: expect.stringContaining('"id":"portolan.method.bound"'),
    });
    const large = { branch: scene.genesis.block, contents: [{ x: "y".repeat(300_000) }] };
    await expect(tezos.rpc.forgeOperations(large as never)).rejects.toMatchObject({ status: 413 });
    expect(scene.node.calls.length).toBe(before);
    // The node's own: an operation for a block that nobody knows.
    await expect(tezos.rpc.injectOperation("ab".repeat(150))).rejects.toMatchObject({
      status: 500,
      body: expect.any(String),
    });
    const stranger = new TezosToolkit(`${harness.url}/chn_1/ptl_wrong`);
    await expect(stranger.rpc.getChainId()).rejects.toMatchObject({ status: 401 });
    harness.edge.change({ kind: "app", app: edgeApp({ version: "2", state: "suspended" }) });
    await expect(tezos.rpc.getChainId()).rejects.toMatchObject({
      status: 402,
      body: expect.stringContaining('"id":"portolan.app.suspended"'),
    });
  });

  it("bounds a node's answer", async () => {
    const huge = await startHttpNode((_seen, res) => {
      res.on("error", () => undefined);
      const piece = "x".repeat(1024 * 1024);
      for (let mib = 0; mib < 33; mib++) res.write(piece);
      res.end();
    });
    harness.edge.change({ kind: "route", route: edgeRoute(0, { ...routeTo(huge.port), version: "2" }) });
    await expect(toolkit().rpc.getBlock()).rejects.toMatchObject({
      status: 503,
      body: expect.stringContaining("node.answer_too_large"),
    });
    await huge.close();
  });
});
