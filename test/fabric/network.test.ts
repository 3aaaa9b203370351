import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { openClient } from "./client.ts";
import { fabricSpec, type Network, openNetwork, part } from "./network.ts";

const programs = requireProgramSet("fabric");

const channel = (settings: object = {}) => part("channel", "main", settings);
const chaincode = (settings: object = {}) =>
  part("chaincode", "basic", { channel: "main", source: { kind: "catalogue", name: "asset-transfer" }, ...settings });

/** The ecosystem's client, straight at a peer. Answers how long it took until the transaction stood in a block. */
const createAsset = async (network: Network, organisation: string, id: string): Promise<number> => {
  const client = await openClient(network, organisation);
  try {
    const start = performance.now();
    await client.contract("main", "basic").submitTransaction("create", id, "a car", "100");
    return Math.round(performance.now() - start);
  } finally {
    client.close();
  }
};

/**
 * What a peer has, once it has it: a commit is known of the submitter's own peer alone, and the others take the same
 * block in their own time.
 */
const readAsset = async (network: Network, organisation: string, id: string, peer?: string): Promise<unknown> => {
  const client = await openClient(network, organisation, peer);
  try {
    const read = () => client.contract("main", "basic").evaluateTransaction("read", id);
    const where = peer ?? `the first peer of ${organisation}`;
    const bytes = await until(`${where} has ${id}`, read, { timeoutMs: 60_000, everyMs: 100 });
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } finally {
    client.close();
  }
};

const starts = async (network: Network): Promise<Map<string, number>> => {
  return new Map((await network.observe()).map(({ node, incarnation }) => [node, incarnation]));
};

const report = (network: Network, name: string): void => {
  const lines = network.turns.map(
    ({ atMs, tookMs, what }) => `${String(atMs).padStart(6)} ${String(tookMs).padStart(5)} ${what}`,
  );
  if (process.env["PORTOLAN_FIGURES"] !== undefined) console.info([name, ...lines].join("\n"));
};

describe.skipIf(programs === undefined)("one orderer, one organisation", () => {
  let network: Network;
  beforeAll(async () => {
    network = await openNetwork(fabricSpec({ orderers: 1 }, [channel(), chaincode()], { plan: "dev" }));
  });
  afterAll(async () => {
    report(network, "one orderer, one organisation");
    await network?.close();
  });

  test("from nothing to a committed transaction", async () => {
    await network.converge();
    await createAsset(network, "org1", "a1");
    expect(await readAsset(network, "org1", "a1")).toMatchObject({ id: "a1", value: "100" });
  });

  test("at rest nothing is signed and little is asked", async () => {
    await network.look();
    const before = network.signatures();
    const view = await network.look();
    expect(network.signatures()).toBe(before);
    expect(network.steps()).toEqual([]);
    expect(view.nodes["peer-org1-0"]).toMatchObject({ healthy: true });
    expect(Number(view.nodes["orderer-0"]?.height)).toBeGreaterThan(3);
    expect(view.facts["grpc.ca"]).toContain("BEGIN CERTIFICATE");
  });

  test("actions that are done again change nothing", async () => {
    const height = (await network.look()).nodes["peer-org1-0"]?.height;
    await network.repeat();
    expect((await network.look()).nodes["peer-org1-0"]?.height).toBe(height);
  });

  test("a chaincode that nobody listens for says so, with the address, and the network is as it was", async () => {
    const silent = part("chaincode", "silent", {
      channel: "main",
      source: { kind: "external", address: "127.0.0.1:9" },
    });
    const former = network.spec();
    network.wish({ parts: [...former.parts, silent] });
    expect(await network.trouble("127.0.0.1:9: the operator offers no way out")).toMatchObject({
      code: "chaincode.unreachable",
      hint: expect.stringContaining("127.0.0.1:9"),
    });
    await network.look();
    expect(network.steps().map(({ title }) => title)).toEqual(["Call chaincode silent from peer-org1-0"]);
    await createAsset(network, "org1", "a2");
    network.wish({ parts: former.parts });
    await network.converge();
  });
});

describe.skipIf(programs === undefined)("three orderers, two organisations", () => {
  const organisations = [{ name: "org1" }, { name: "org2" }];
  let network: Network;
  beforeAll(async () => {
    network = await openNetwork(fabricSpec({ orderers: 3, organisations }, [channel(), chaincode()]));
  });
  afterAll(async () => {
    report(network, "three orderers, two organisations");
    await network?.close();
  });

  const wishSettings = (settings: object): void =>
    network.wish({ settings: network.framework.settings.parse({ orderers: 3, organisations, ...settings }) });

  test("a transaction of either organisation is seen by the other", async () => {
    await network.converge();
    // At once and at the same time: whoever is told that it is ready has nothing left to wait for.
    await Promise.all([createAsset(network, "org1", "b1"), createAsset(network, "org2", "b2")]);
    expect(await readAsset(network, "org2", "b1")).toMatchObject({ id: "b1" });
  });

  test("blocks are cut otherwise, chaincode goes on and back, an initialisation is called once", async () => {
    const quick = channel({ batch: { timeoutMs: 50 } });
    const next = chaincode({ version: "2.0", endorsementPolicy: "OR('Org1MSP.peer','Org2MSP.peer')" });
    const sequence = () => network.framework.presentPart?.(network.spec(), next, network.material(), network.view());
    network.wish({ parts: [quick, next] });
    await network.converge();
    expect(sequence()).toMatchObject({ sequence: 2, version: "2.0" });
    network.wish({ parts: [quick, chaincode()] });
    await network.converge();
    expect(sequence()).toMatchObject({ sequence: 3, version: "1.0" });
    const second = { ...chaincode({ init: { function: "whoAmI" } }), id: "cha_second", name: "second" };
    network.wish({ parts: [quick, chaincode(), second] });
    await network.converge();
    await createAsset(network, "org2", "b3");
    network.wish({ parts: [quick, chaincode()] });
    await network.converge();
  });

  test("an organisation comes and goes", async () => {
    wishSettings({ organisations: [...organisations, { name: "org3" }] });
    await network.converge();
    await Promise.all([
      createAsset(network, "org3", "b4"),
      createAsset(network, "org1", "b4-1"),
      createAsset(network, "org2", "b4-2"),
    ]);
    expect(await readAsset(network, "org1", "b4")).toMatchObject({ id: "b4" });
    wishSettings({});
    await network.converge();
    expect(
      network.framework.presentPart?.(network.spec(), channel(), network.material(), network.view()),
    ).toMatchObject({
      organisations: ["Org1MSP", "Org2MSP"],
    });
    await createAsset(network, "org1", "b5");
  });

  test("an orderer is replaced: the one that goes is taken out before the next one votes", async () => {
    wishSettings({ retiredOrderers: [1] });
    await network.converge();
    // Orderers hear of each other's being there a little later than of their being members.
    const looked = await until(
      "all three orderers see each other",
      async () => {
        const node = (await network.look()).nodes["orderer-3"];
        return JSON.stringify(node).includes('"activeNodes":3') && node;
      },
      { timeoutMs: 60_000, everyMs: 250 },
    );
    expect(looked).toMatchObject({
      healthy: true,
      detail: { channels: { main: { relation: "consenter", clusterSize: 3, activeNodes: 3 } } },
    });
    await createAsset(network, "org2", "b6");
  });

  test("a revoked identity is on the channel's list", async () => {
    const alice = part("identity", "alice", { organisation: "org1" });
    const { parts } = network.spec();
    network.wish({ parts: [...parts, alice] });
    await network.converge();
    network.wish({ parts: [...parts, { ...alice, isDeleted: true }] });
    await network.converge();
    expect(network.turns.at(-1)?.what).toContain("revocations");
    await createAsset(network, "org1", "b7");
  });

  test("every certificate is renewed, node by node, and orderers through the channel", async () => {
    const before = await starts(network);
    network.makeDue();
    await network.converge({ mayRenew: true });
    const after = await starts(network);
    for (const [node, count] of before) expect(after.get(node), node).toBe(count + 1);
    expect(network.turns.filter(({ what }) => what.startsWith("Renew the orderer")).length).toBeGreaterThanOrEqual(3);
    await createAsset(network, "org2", "b8");
  });
});

describe.skipIf(programs === undefined)("four orderers that may lie", () => {
  const organisations = [{ name: "org1" }, { name: "org2" }];
  let network: Network;
  beforeAll(async () => {
    network = await openNetwork(fabricSpec({ consensus: "bft", organisations }, [channel(), chaincode()]));
  });
  afterAll(async () => {
    report(network, "four orderers that may lie");
    await network?.close();
  });

  test("a transaction is committed, also after one of them was replaced", async () => {
    await network.converge();
    await createAsset(network, "org1", "c1");
    network.wish({
      settings: network.framework.settings.parse({ consensus: "bft", organisations, retiredOrderers: [1] }),
    });
    await network.converge();
    await createAsset(network, "org2", "c2");
    expect(await readAsset(network, "org1", "c2")).toMatchObject({ id: "c2" });
  });
});

describe.skipIf(programs === undefined)("three orderers and two organisations in two regions", () => {
  const organisations = [
    { name: "org1", peers: 2 },
    { name: "org2", peers: 2 },
  ];
  let network: Network;
  beforeAll(async () => {
    const regions = ["north", "south"];
    network = await openNetwork(fabricSpec({ orderers: 3, organisations }, [channel(), chaincode()], { regions }));
  });
  afterAll(async () => {
    report(network, "three orderers and two organisations in two regions");
    await network?.close();
  });

  test("each region does its own steps, and waits for the other's by name", async () => {
    await network.converge();
    await createAsset(network, "org1", "d1");
    expect(await readAsset(network, "org2", "d1", "peer-org2-1")).toMatchObject({ id: "d1" });
  });

  test("a change of the channel and of a chaincode reaches both", async () => {
    network.wish({ parts: [channel({ batch: { timeoutMs: 50 } }), chaincode({ version: "2.0" })] });
    await network.converge();
    await createAsset(network, "org2", "d2");
  });
});
