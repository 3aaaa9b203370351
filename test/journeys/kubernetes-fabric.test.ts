import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireCluster, requireProgramSet, type TestCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addClusterRegion, type ClusterRegion } from "../support/cluster-region.ts";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { enrol, type FabricUser, fabricBody, type OpenFabric, openThroughPlane, rows } from "../support/fabric.ts";
import { fabricImages } from "../support/fabric-images.ts";
import { type FabricTraffic, startTraffic } from "../support/fabric-traffic.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const required = requireCluster(3);
const programs = requireProgramSet("fabric");

/** Longer than two busy cores need to elect, restart and find each other again; an outage that lasts is longer. */
const gapMs = 120_000;
const twoEach = ["org1", "org2"].map((name) => ({ name, peers: 2 }));

interface Pod {
  metadata: { name: string; namespace: string; uid: string; labels: { [name: string]: string } };
  spec: { nodeName?: string };
}

describe.skipIf(required === undefined || programs === undefined)("Fabric in a region that is a cluster", () => {
  let cluster: TestCluster;
  let region: ClusterRegion;
  let plane: Plane;
  let customer: Customer;
  let directory: string;
  let chain = "";
  let user: FabricUser;
  let clients: OpenFabric[] = [];
  let traffic: FabricTraffic;

  const onNodes = (): string => `--selector=portolan.dev/component=node,portolan.dev/chain=${chain}`;
  const pods = async (): Promise<Pod[]> =>
    JSON.parse(await region.kubectl("get", "pods", "-A", onNodes(), "-o", "json")).items;
  const roleOf = ({ metadata }: Pod): string => metadata.labels["portolan.dev/role"] ?? "";
  const areWell = () =>
    until(
      "all nodes are well",
      async () =>
        (await customer.sdk.chains.nodes({ params: { chain } })).items.every(
          ({ isHealthy, state }) => isHealthy || state === "absent",
        ),
      { timeoutMs: 300_000, everyMs: 1_000 },
    );
  /** Transactions go on, and the longest time without one was bounded. */
  const flows = async (): Promise<void> => {
    const before = traffic.committed().length;
    await until("transactions flow", async () => traffic.committed().length >= before + 5, { timeoutMs: gapMs }).catch(
      (error: unknown) => {
        throw new Error(`refused: ${JSON.stringify([...traffic.refusals()])}`, { cause: error });
      },
    );
    const longest = traffic.longestGapMs();
    if (process.env["PORTOLAN_FIGURES"] !== undefined)
      console.info(`longest gap ${longest} ms, ${traffic.committed().length} committed`);
    expect(longest).toBeLessThan(gapMs);
  };

  /** A chaincode has one server: with its machine it would be gone for as long. A drain does this by itself. */
  const moveChaincode = async (machine: string): Promise<void> => {
    const there = (await pods()).filter((pod) => roleOf(pod) === "chaincode" && pod.spec.nodeName === machine);
    await region.kubectl("cordon", machine);
    for (const { metadata } of there) {
      await region.kubectl("delete", "pod", metadata.name, "-n", metadata.namespace);
      await until(
        `${metadata.name} stands elsewhere`,
        async () =>
          (await pods()).some(
            (pod) => pod.metadata.name === metadata.name && ![undefined, machine].includes(pod.spec.nodeName),
          ) || undefined,
        { timeoutMs: 120_000, everyMs: 500 },
      );
    }
    await region.kubectl("uncordon", machine);
    await areWell();
    await flows();
  };

  beforeAll(async () => {
    if (required === undefined || programs === undefined) return;
    // Of its own: one of its nodes is killed.
    cluster = await required.start({ own: true, nodes: 2 });
    directory = await mkdtemp(join(tmpdir(), "portolan-fabric-images-"));
    region = await addClusterRegion(cluster, fabricImages(programs.paths, { version: "3.1.5", directory }));
    plane = await startPlane({ env: region.env });
    customer = await signUp(plane);
    const quotas = JSON.stringify({ storageBytes: 10 ** 12 });
    await rows(plane, `update tenants set quotas = '${quotas}' where id = '${customer.tenantId}'`);
  }, 600_000);
  afterAll(async () => {
    await traffic?.stop();
    for (const client of clients) client.close();
    await plane?.stop();
    await region?.close();
    await cluster?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  it("three orderers and two organisations of two peers stand on both machines, with a channel and chaincode", async () => {
    const { sdk } = customer;
    const settings = { orderers: 3, organisations: twoEach };
    const network = await sdk.chains.create({
      body: fabricBody(customer, { plan: "standard", settings, regions: [region.slug] }),
    });
    chain = network.target.id;
    const params = { chain };
    const channel = await sdk.channels.create({ params, body: { name: "main" } });
    const source = { kind: "catalogue", name: "asset-transfer" } as const;
    const body = { name: "basic", settings: { channel: "main", source } };
    const chaincode = await sdk.chaincodes.create({ params, body });
    user = await enrol(customer, chain, { name: "app", organisation: "org1" });
    for (const { id } of [network, channel, chaincode]) await finish(sdk, id, 600_000);
    const found = await pods();
    expect(found.filter((pod) => roleOf(pod) === "orderer")).toHaveLength(3);
    expect(found.filter((pod) => roleOf(pod) === "peer")).toHaveLength(4);
    expect(found.filter((pod) => roleOf(pod) === "chaincode").length).toBeGreaterThan(0);
    // What may not fail together does not stand together.
    expect(new Set(found.filter((pod) => roleOf(pod) === "orderer").map(({ spec }) => spec.nodeName)).size).toBe(2);
    expect(await region.namespaces(chain)).toHaveLength(1);
  }, 900_000);

  it("transactions are committed through the gateway", async () => {
    clients = [1, 2].map(() => openThroughPlane(plane, chain, customer.secret, user));
    traffic = startTraffic(clients, { channel: "main", chaincode: "basic", everyMs: 500 });
    await flows();
  }, 300_000);

  it("they go on while an orderer's and a peer's pod are killed", async () => {
    const found = await pods();
    for (const role of ["orderer", "peer"]) {
      const victim = found.find((pod) => roleOf(pod) === role);
      const { name = "", namespace = "", uid } = victim?.metadata ?? {};
      await region.kubectl("delete", "pod", name, "-n", namespace, "--grace-period=0", "--force");
      await until(
        `${name} is another pod`,
        async () => (await pods()).some(({ metadata }) => metadata.name === name && metadata.uid !== uid) || undefined,
        { everyMs: 500 },
      );
      await flows();
    }
    await areWell();
  }, 900_000);

  it("they go on while a whole machine is gone, and all is well when it is back", async () => {
    const orderers = (await pods()).filter((pod) => roleOf(pod) === "orderer");
    const countOn = (node: string) => orderers.filter(({ spec }) => spec.nodeName === node).length;
    // A majority of three is two.
    const victim = cluster.nodes.map(({ name }) => name).sort((a, b) => countOn(a) - countOn(b))[0] ?? "";
    expect(countOn(victim)).toBe(1);
    await moveChaincode(victim);
    await cluster.stopNode(victim);
    await flows();
    await flows();
    await cluster.startNode(victim);
    await areWell();
    await flows();
  }, 900_000);

  it("they go on while a machine is drained, one of each kind at a time, and the drain ends by itself", async () => {
    const orderers = (await pods()).filter((pod) => roleOf(pod) === "orderer");
    const countOn = (node: string) => orderers.filter(({ spec }) => spec.nodeName === node).length;
    const machine = cluster.nodes.map(({ name }) => name).sort((a, b) => countOn(b) - countOn(a))[0] ?? "";
    expect(countOn(machine)).toBeGreaterThan(1);
    await region.kubectl("drain", machine, "--ignore-daemonsets", "--delete-emptydir-data");
    expect((await pods()).filter(({ spec }) => spec.nodeName === machine)).toEqual([]);
    await areWell();
    await flows();
    await region.kubectl("uncordon", machine);
  }, 900_000);

  it("nothing that was acknowledged is lost, and all peers stand at one height", async () => {
    await traffic.stop();
    const heights = async () =>
      (await customer.sdk.chains.nodes({ params: { chain } })).items
        .filter(({ role }) => role === "peer")
        .map(({ height }) => height);
    await until("one height", async () => new Set(await heights()).size === 1 || undefined, {
      timeoutMs: 180_000,
      everyMs: 1_000,
    });
    expect(await heights()).toHaveLength(4);
    const [client] = clients;
    for (const id of traffic.committed())
      await until(`${id} is there`, async () => {
        await client?.contract("main", "basic").evaluateTransaction("read", id);
        return true;
      });
    expect(traffic.committed().length).toBeGreaterThan(20);
  }, 600_000);
});
