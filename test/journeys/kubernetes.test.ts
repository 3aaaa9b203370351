import { createProgramFinder } from "@portolan/runtimes";
import { requireCluster, type TestCluster } from "@portolan/testing";
import { parseGwei } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addClusterRegion, type ClusterRegion } from "../support/cluster-region.ts";
import { type Chain, type Customer, createChain, finish, signUp } from "../support/customer.ts";
import { rows } from "../support/fabric.ts";
import { rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const required = requireCluster(3);
const key = privateKeyToAccount(generatePrivateKey());
const receiver = `0x${"ab".repeat(20)}` as const;

const anvilProgram = (): string => {
  const found = createProgramFinder({ searchPath: "" }).find({ name: "anvil", version: "1.7.1" });
  if ("missing" in found) throw new Error("anvil is a dependency of the runtimes");
  return found.path;
};

/** What anvil's customer does on a machine, on two real nodes of a cluster: nothing here says which it is. */
describe.skipIf(required === undefined)("anvil in a region that is a cluster", () => {
  let cluster: TestCluster;
  let region: ClusterRegion;
  let plane: Plane;
  let customer: Customer;
  let chain: Chain;
  let backup: string;

  const params = () => ({ chain: chain.id });
  const balance = async (): Promise<bigint> =>
    BigInt(String(await rpc(chain.url, "eth_getBalance", [receiver, "latest"])));
  const untilBalance = (wei: bigint) =>
    until(`a balance of ${wei}`, async () => ((await balance()) === wei ? true : undefined), {
      timeoutMs: 120_000,
      everyMs: 250,
    });
  const pay = async (wei: bigint): Promise<void> => {
    const nonce = Number(await rpc(chain.url, "eth_getTransactionCount", [key.address, "latest"]));
    const serialized = await key.signTransaction({
      ...{ type: "eip1559", chainId: Number(await rpc(chain.url, "eth_chainId")), nonce, to: receiver, value: wei },
      ...{ gas: 21_000n, maxFeePerGas: parseGwei("10"), maxPriorityFeePerGas: 0n },
    });
    await rpc(chain.url, "eth_sendRawTransaction", [serialized]);
  };
  const pods = async (): Promise<{ name: string; namespace: string; uid: string }[]> => {
    const own = `--selector=portolan.dev/component=node,portolan.dev/chain=${chain.id}`;
    const text = await region.kubectl("get", "pods", "-A", own, "-o", "json");
    const { items } = JSON.parse(text) as { items: { metadata: { name: string; namespace: string; uid: string } }[] };
    return items.map(({ metadata: { name, namespace, uid } }) => ({ name, namespace, uid }));
  };
  const podsAre = (count: number) =>
    until(`${count} pods`, async () => (await pods()).length === count || undefined, {
      timeoutMs: 60_000,
      everyMs: 500,
    });

  beforeAll(async () => {
    if (required === undefined) return;
    cluster = await required.start();
    region = await addClusterRegion(cluster, [
      { match: "ghcr.io/foundry-rs/foundry:v1.7.1", programs: [anvilProgram()] },
      { match: "docker.io/library/node:24-bookworm-slim", programs: [process.execPath] },
    ]);
    plane = await startPlane({ env: region.env });
    customer = await signUp(plane);
  });
  afterAll(async () => {
    await plane?.stop();
    await region?.close();
  });

  it("the operator's check finds nothing wrong, with the rights of deploy/kubernetes/rbac.yaml alone", async () => {
    const { findings } = JSON.parse(await region.portolan("regions", "check", region.slug, "--json")) as {
      findings: { check: string; state: string }[];
    };
    expect(findings.filter(({ state }) => state === "wrong")).toEqual([]);
    expect(findings.find(({ check }) => check === "network")).toMatchObject({ state: "ok" });
  });

  it("the region is on offer, and says what it can do", async () => {
    const { items } = await customer.sdk.regions.list({ query: {} });
    expect(items.map(({ slug }) => slug).sort()).toEqual([region.slug, "local"].sort());
    expect(items.find(({ slug }) => slug === region.slug)).toMatchObject({
      ...{ state: "open", reason: null, jurisdiction: "eu" },
      capabilities: { isolation: "namespace", hasStorageExpansion: true, hasSnapshots: true },
    });
  });

  it("a chain is made there and answers through the gateway", async () => {
    const settings = { fund: [{ address: key.address, balanceEther: "100" }] };
    chain = await createChain(plane, customer, { settings, regions: [region.slug] });
    await pay(1_000n);
    await untilBalance(1_000n);
    expect(await region.namespaces(chain.id)).toHaveLength(1);
    expect(await pods()).toHaveLength(1);
    expect(plane.pids("anvil")).toEqual([]);
  });

  it("a killed pod is another one soon, with the state that was there", async () => {
    const [before] = await pods();
    if (before === undefined) throw new Error("there is no pod");
    // The keeper writes the state down every five seconds.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    await region.kubectl("delete", "pod", before.name, "-n", before.namespace, "--grace-period=0", "--force");
    await until("another pod", async () => (await pods()).some(({ uid }) => uid !== before.uid) || undefined);
    await untilBalance(1_000n);
    await pay(1n);
    await untilBalance(1_001n);
  });

  it("a changed setting replaces the pod and keeps the state", async () => {
    const [before] = await pods();
    const operation = await customer.sdk.chains.update({
      params: params(),
      body: { settings: { gasLimit: 20_000_000 } },
    });
    await finish(customer.sdk, operation.id);
    await untilBalance(1_001n);
    const [after] = await pods();
    expect(after?.uid).not.toBe(before?.uid);
    const block = (await rpc(chain.url, "eth_getBlockByNumber", ["latest", false])) as { gasLimit: string };
    expect(Number(block.gasLimit)).toBeGreaterThan(0);
  });

  it("another plan gives its pod more memory and its volume more room, and keeps the state", async () => {
    const body = { plan: "standard" };
    const quote = await customer.sdk.chains.quoteUpdate({ params: params(), body });
    expect(quote.allowed).toBe(true);
    const before = await customer.sdk.chains.get({ params: params() });
    const operation = await finish(customer.sdk, (await customer.sdk.chains.update({ params: params(), body })).id);
    expect(operation.steps).toContainEqual(expect.objectContaining({ key: "node/node-0", state: "succeeded" }));
    expect([before.plan, (await customer.sdk.chains.get({ params: params() })).plan]).toEqual(["dev", "standard"]);
    const [pod] = await pods();
    const ofPod = ["-n", pod?.namespace ?? "", "-o", "json"];
    expect(JSON.parse(await region.kubectl("get", "pod", pod?.name ?? "", ...ofPod))).toMatchObject({
      spec: { resources: { requests: { cpu: "1", memory: "2Gi" } } },
    });
    const claims = JSON.parse(await region.kubectl("get", "pvc", ...ofPod)) as { items: object[] };
    expect(claims.items).toMatchObject([{ status: { capacity: { storage: "10Gi" } } }]);
    await untilBalance(1_001n);
    await expect(customer.sdk.chains.update({ params: params(), body: { plan: "dev" } })).rejects.toMatchObject({
      ...{ status: 400, code: "request.invalid", hint: expect.stringContaining("smaller") },
    });
  });

  it("paused, no pod runs and calls are refused; resumed, its state is there", async () => {
    await finish(customer.sdk, (await customer.sdk.chains.pause({ params: params() })).id);
    await podsAre(0);
    await expect(rpc(chain.url, "eth_blockNumber")).rejects.toThrow(/paused/);
    await finish(customer.sdk, (await customer.sdk.chains.resume({ params: params() })).id);
    await untilBalance(1_001n);
  });

  it("a backup is taken out of the cluster, and what happened since is undone by its restore", async () => {
    const taken = await finish(customer.sdk, (await customer.sdk.backups.create({ params: params() })).id);
    const { items } = await customer.sdk.backups.list({ params: params() });
    const found = items.find(({ operationId }) => operationId === taken.id);
    expect(found).toMatchObject({ state: "ready", nodes: ["node-0"], store: "directory" });
    backup = found?.id ?? "";
    await untilBalance(1_001n);
    await pay(5n);
    await untilBalance(1_006n);
    const restored = await customer.sdk.chains.restore({ params: params(), body: { backup } });
    await finish(customer.sdk, restored.id);
    await untilBalance(1_001n);
    await pay(9n);
    await untilBalance(1_010n);
  });

  it("its lines are there to be read, and its calls are on the bill", async () => {
    const { lines } = await customer.sdk.chains.logs({ params: params(), query: { node: "node-0", limit: 50 } });
    expect(lines.length).toBeGreaterThan(0);
    await until(
      "its calls are on the bill",
      async () => {
        const bill = await customer.sdk.bills.get({ params: { app: customer.appId } });
        const own = bill.lines.filter(({ subject, region: at }) => subject.id === chain.id && at === region.slug);
        return own.some(({ sku }) => sku === "rpc.compute") || undefined;
      },
      { timeoutMs: 60_000, everyMs: 1_000 },
    );
  });

  it("deleted, its volume stays for the window of its plan; after that nothing of it is left in the cluster", async () => {
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: params() })).id);
    await podsAre(0);
    const [namespace = "", ...others] = await region.namespaces(chain.id);
    expect(others).toEqual([]);
    await rows(plane, `update chains set purge_at = now(), next_at = now() where id = '${chain.id}'`);
    await until("its namespace is gone", async () => (await region.namespaces(chain.id)).length === 0 || undefined, {
      timeoutMs: 120_000,
      everyMs: 1_000,
    });
    const volumes = await region.kubectl("get", "pv", "-o", "jsonpath={.items[*].spec.claimRef.namespace}");
    expect(volumes.split(" ")).not.toContain(namespace.replace("namespace/", ""));
  });
});
