import type { OperationResource } from "@portolan/contract";
import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, finish, signUp } from "../support/customer.ts";
import {
  enrol,
  type FabricUser,
  fabricBody,
  type OpenFabric,
  openDirect,
  openThroughPlane,
  peerAddress,
  rows,
} from "../support/fabric.ts";
import { type FabricTraffic, startTraffic } from "../support/fabric-traffic.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { killNow } from "../support/processes.ts";
import { until } from "../support/until.ts";

const programs = requireProgramSet("fabric");

/** Longer than two busy cores need to elect, restart and find each other again; an outage that lasts is longer. */
const gapMs = 45_000;
const two = [
  { name: "org1", peers: 2 },
  { name: "org2", peers: 2 },
];
const three = [...two, { name: "org3", peers: 1 }];

interface ChannelNode {
  node: string;
  role: string;
  height: number;
  isLeader: boolean;
}

describe.skipIf(programs === undefined)("days of a Fabric network, under a steady rate of transactions", () => {
  let plane: Plane;
  let customer: Customer;
  let chain = "";
  let user: FabricUser;
  let clients: OpenFabric[] = [];
  let traffic: FabricTraffic;

  const channel = async (): Promise<{ nodes: ChannelNode[]; organisations: string[] }> => {
    const { detail } = await customer.sdk.channels.get({ params: { chain, channel: "main" } });
    return detail as unknown as { nodes: ChannelNode[]; organisations: string[] };
  };
  const starts = async (): Promise<Map<string, number>> => {
    const found = await rows(plane, `select name, incarnation from nodes where chain_id = '${chain}'`);
    return new Map(found.map((row) => [String(row["name"]), Number(row["incarnation"])]));
  };
  const pidsOf = (node: string): number[] =>
    plane
      .processes()
      .filter((found) => found.node === node)
      .map(({ pid }) => pid);
  /** SIGKILL; resolves once another process has taken its place, and the plane has heard of it. */
  const kill = async (node: string): Promise<void> => {
    const former = pidsOf(node);
    const known = (await starts()).get(node) ?? 0;
    expect(former).not.toEqual([]);
    killNow(former);
    await until(`${node} runs again`, async () => pidsOf(node).some((pid) => !former.includes(pid)));
    await until(`${node} is known to have started`, async () => ((await starts()).get(node) ?? 0) > known);
  };
  const areWell = () =>
    until(
      "all nodes are well",
      // Those that were taken out are listed as absent.
      async () =>
        (await customer.sdk.chains.nodes({ params: { chain } })).items.every(
          ({ isHealthy, state }) => isHealthy || state === "absent",
        ),
      { timeoutMs: 180_000, everyMs: 200 },
    );
  /** Transactions go on, and the longest time without one was bounded. */
  const flows = async (): Promise<void> => {
    const before = traffic.committed().length;
    await until("transactions flow", async () => traffic.committed().length >= before + 5, { timeoutMs: gapMs });
    const longest = traffic.longestGapMs();
    if (process.env["PORTOLAN_FIGURES"] !== undefined)
      console.info(`longest gap ${longest} ms, ${traffic.committed().length} committed`);
    expect(longest).toBeLessThan(gapMs);
  };
  const change = async (settings: object): Promise<OperationResource> => {
    const { id } = await customer.sdk.chains.update({ params: { chain }, body: { settings: { ...settings } } });
    return finish(customer.sdk, id, 400_000);
  };

  beforeAll(async () => {
    plane = await startPlane();
    customer = await signUp(plane);
    const quotas = JSON.stringify({ storageBytes: 10 ** 12 });
    await rows(plane, `update tenants set quotas = '${quotas}' where id = '${customer.tenantId}'`);
    const { sdk } = customer;
    // Premium, because only there five orderers may be had.
    const settings = { orderers: 3, organisations: two };
    const network = await sdk.chains.create({ body: fabricBody(customer, { plan: "premium", settings }) });
    chain = network.target.id;
    const params = { chain };
    const made = await sdk.channels.create({ params, body: { name: "main" } });
    const source = { kind: "catalogue", name: "asset-transfer" } as const;
    const body = { name: "basic", settings: { channel: "main", source } };
    const chaincode = await sdk.chaincodes.create({ params, body });
    user = await enrol(customer, chain, { name: "app", organisation: "org1" });
    for (const { id } of [network, made, chaincode]) await finish(sdk, id, 300_000);
    clients = [1, 2].map(() => openThroughPlane(plane, chain, customer.secret, user));
    traffic = startTraffic(clients, { channel: "main", chaincode: "basic", everyMs: 200 });
    await flows();
  });
  afterAll(async () => {
    await traffic?.stop();
    for (const client of clients) client.close();
    await plane?.stop();
  });

  it("outlives the kill -9 of the orderer that leads, and of a peer", async () => {
    const leader = await until(
      "an orderer leads",
      async () => (await channel()).nodes.find((node) => node.isLeader)?.node,
    );
    await kill(leader);
    await flows();
    await areWell();
    await kill("peer-org1-0");
    await flows();
    await areWell();
  });

  it("takes in an organisation, with its peer, its approval and its chaincode", async () => {
    const before = await starts();
    const operation = await change({ organisations: three });
    const titles = operation.steps.map(({ title }) => title);
    expect(titles).toEqual(
      expect.arrayContaining([
        "Take Org3MSP into channel main",
        "Let peer-org3-0 join channel main",
        "Install chaincode basic on peer-org3-0",
        "Approve chaincode basic 1.0 for org3",
      ]),
    );
    await expect.poll(async () => (await channel()).organisations).toEqual(["Org1MSP", "Org2MSP", "Org3MSP"]);
    const after = await starts();
    for (const [node, incarnation] of before) expect([node, after.get(node)]).toEqual([node, incarnation]);
    await flows();
  });

  it("goes from three orderers to five one by one, and to three again without the first two", async () => {
    const before = await starts();
    const grown = await change({ orderers: 5 });
    expect(grown.steps.filter(({ title }) => /^Let the orderer at .* vote/.test(title))).toHaveLength(2);
    const orderers = async () =>
      (await channel()).nodes.flatMap(({ node, role }) => (role === "orderer" ? [node] : [])).sort();
    await expect.poll(orderers).toHaveLength(5);
    await flows();
    const after = await starts();
    for (const [node, incarnation] of before) expect([node, after.get(node)]).toEqual([node, incarnation]);

    const shrunk = await change({ orderers: 3, retiredOrderers: [0, 1] });
    expect(shrunk.steps.filter(({ title }) => /^Take the orderer at .* off/.test(title))).toHaveLength(2);
    await expect.poll(orderers).toEqual(["orderer-2", "orderer-3", "orderer-4"]);
    await expect.poll(() => ["orderer-0", "orderer-1"].flatMap(pidsOf)).toEqual([]);
    await flows();
  });

  it("renews every certificate once it is due, one node after the other", async () => {
    const certificates = async () =>
      rows(
        plane,
        `select name, max(version) as version from materials where chain_id = '${chain}' and kind = 'certificate'
         and (name like 'node/%' or name like 'admin/%') group by name order by name`,
      );
    const [before, startsBefore] = [await certificates(), await starts()];
    // Eight months go by: what would be due then is due now.
    await rows(plane, `update materials set renew_at = now() where renew_at is not null and chain_id = '${chain}'`);
    await rows(plane, `update chains set next_at = now() where id = '${chain}'`);
    const renewal = await until("a renewal", async () => {
      const { items } = await customer.sdk.operations.list({ query: { chainId: chain } });
      return items.find(({ kind }) => kind === "chain.renew");
    });
    const done = await finish(customer.sdk, renewal.id, 400_000);
    expect(done.steps.filter(({ title }) => /^Renew the orderer at/.test(title))).toHaveLength(3);

    const after = new Map((await certificates()).map((row) => [row["name"], Number(row["version"])]));
    const live = new Set(plane.processes().flatMap(({ node }) => node ?? []));
    expect(live.size).toBe(9);
    const isOfLive = (name: string): boolean => name.startsWith("admin/") || live.has(name.split("/")[1] ?? "");
    for (const { name, version } of before.filter((row) => isOfLive(String(row["name"]))))
      expect([name, after.get(name)]).toEqual([name, Number(version) + 1]);
    const ofLive = (counts: ReadonlyMap<string, number>, more: number) =>
      [...live].sort().map((node) => [node, (counts.get(node) ?? 0) + more]);
    await expect.poll(async () => ofLive(await starts(), 0)).toEqual(ofLive(startsBefore, 1));
    await flows();
    await areWell();
  });

  it("has lost nothing that it acknowledged, on any peer, and all peers stand at one height", async () => {
    await traffic.stop();
    const peers = (await customer.sdk.chains.nodes({ params: { chain } })).items.filter(({ role }) => role === "peer");
    expect(peers).toHaveLength(5);
    const acknowledged = traffic.committed();
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    const readers: OpenFabric[] = [];
    try {
      for (const { name } of peers) {
        const organisation = name.split("-")[1] ?? "";
        const own = await enrol(customer, chain, { name: `reader-${name}`, organisation });
        readers.push(openDirect(await peerAddress(plane, chain, name), own));
      }
      const heightOf = async (reader: OpenFabric): Promise<number> =>
        readHeight(await reader.contract("main", "qscc").evaluateTransaction("GetChainInfo", "main"));
      // Each peer takes the last blocks in its own time; nothing is sent any more.
      const heights = await until(
        "all peers stand at one height",
        async () => {
          const found = await Promise.all(readers.map(heightOf));
          if (new Set(found).size > 1) throw new Error(`they stand at ${found.join(", ")}`);
          return found;
        },
        { timeoutMs: 180_000, everyMs: 250 },
      );
      expect(heights).toHaveLength(5);
      const has = async (reader: OpenFabric, id: string): Promise<boolean> => {
        const reading = reader.contract("main", "basic").evaluateTransaction("read", id);
        return reading.then(
          () => true,
          (error: unknown) => {
            if (JSON.stringify(error).includes("no asset")) return false;
            throw error;
          },
        );
      };
      for (const reader of readers) {
        const missing: string[] = [];
        for (const id of acknowledged) {
          if (!(await until(`an answer on ${id}`, async () => ({ isThere: await has(reader, id) }))).isThere)
            missing.push(id);
        }
        expect(missing).toEqual([]);
      }
    } finally {
      for (const reader of readers) reader.close();
    }
  });

  it("bills the time of each role and the transactions", async () => {
    const bill = await until(
      "the bill has all of it",
      async () => {
        const found = await customer.sdk.bills.get({ params: { app: customer.appId } });
        const submitted = found.lines.find(({ sku }) => sku === "transaction.submitted");
        return Number(submitted?.quantity ?? 0) >= traffic.committed().length ? found : undefined;
      },
      { timeoutMs: 180_000, everyMs: 1_000 },
    );
    for (const role of ["orderer", "peer", "chaincode"]) {
      const line = bill.lines.find(({ sku }) => sku === `node.fabric.premium.${role}`);
      expect(Number(line?.quantity ?? 0)).toBeGreaterThan(20);
    }
  });
});

/** First field of `common.BlockchainInfo`, a varint. */
function readHeight(bytes: Uint8Array): number {
  let height = 0;
  for (let index = 1; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    height += (byte & 0x7f) * 2 ** (7 * (index - 1));
    if (byte < 0x80) break;
  }
  return height;
}
