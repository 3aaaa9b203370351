import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireBesuStandIn, requireCluster, type TestCluster } from "@portolan/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { besuBody, deployToken, nodesByAddress, nodeUrls, type Token, validatorsAt } from "../support/besu.ts";
import { besuImages } from "../support/besu-images.ts";
import { addClusterRegion, type ClusterRegion } from "../support/cluster-region.ts";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const standIn = requireBesuStandIn();
const required = requireCluster(3);
const bob = "0x00000000000000000000000000000000000b0b0b";
const validatorNames = (...ordinals: number[]): string[] => ordinals.map((ordinal) => `validator-${ordinal}`);

interface Pod {
  metadata: { name: string; namespace: string; uid: string; labels: { [name: string]: string } };
  spec: { nodeName?: string };
  status: { podIP?: string };
}

/** besu.test.ts' network on two real nodes of a cluster: another maker's program in the image that stands in for Besu's. */
describe.skipIf(standIn === undefined || required === undefined)("a QBFT network in a region that is a cluster", () => {
  let cluster: TestCluster;
  let region: ClusterRegion;
  let plane: Plane;
  let customer: Customer;
  let directory: string;
  let chain = "";
  let url = "";
  let token: Token;
  const account = privateKeyToAccount(generatePrivateKey());

  const params = () => ({ chain });
  const height = async (at = url): Promise<number> => Number(await rpc(at, "eth_blockNumber"));
  const pods = async (): Promise<Pod[]> => {
    const onNodes = `--selector=portolan.dev/component=node,portolan.dev/chain=${chain}`;
    return JSON.parse(await region.kubectl("get", "pods", "-A", onNodes, "-o", "json")).items;
  };
  const nodeOf = ({ metadata }: Pod): string => metadata.labels["portolan.dev/node"] ?? "";
  const running = async (): Promise<string[]> => (await pods()).map(nodeOf).sort();
  const runningAre = (names: readonly string[]) =>
    until(`pods of ${names.join(", ")}`, async () => JSON.stringify(await running()) === JSON.stringify(names), {
      everyMs: 500,
    });
  /** The pod's own address: the names are the cluster's alone. */
  const nodeUrl = async (node: string): Promise<string> => {
    const pod = (await pods()).find((found) => nodeOf(found) === node);
    const { port } = new URL((await nodeUrls(plane, chain)).get(node) ?? "");
    return `http://${pod?.status.podIP}:${port}`;
  };
  const validators = async (node: string): Promise<string[]> => {
    const names = await nodesByAddress(plane, chain);
    return (await validatorsAt(await nodeUrl(node))).map((address) => names.get(address) ?? address).sort();
  };
  const change = async (settings: { [member: string]: unknown }): Promise<void> => {
    const operation = await customer.sdk.chains.update({ params: params(), body: { settings } });
    await finish(customer.sdk, operation.id, 300_000);
  };

  beforeAll(async () => {
    if (standIn === undefined || required === undefined) return;
    cluster = await required.start();
    directory = await mkdtemp(join(tmpdir(), "portolan-besu-image-"));
    region = await addClusterRegion(cluster, besuImages(standIn, directory));
    plane = await startPlane({ env: region.env });
    customer = await signUp(plane);
  });
  afterAll(async () => {
    await plane?.stop();
    await region?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  it("four validators and a node for callers stand on both machines, and a token is transferred by viem", async () => {
    const started = await customer.sdk.chains.create({ body: besuBody(customer, { regions: [region.slug] }) });
    chain = started.target.id;
    url = `${plane.gateway}/${chain}/${customer.secret}`;
    await finish(customer.sdk, started.id, 300_000);
    expect(await running()).toEqual(["rpc-0", ...validatorNames(0, 1, 2, 3)]);
    const sealing = (await pods()).filter((pod) => nodeOf(pod) !== "rpc-0");
    // What may not fail together does not stand together.
    expect(new Set(sealing.map(({ spec }) => spec.nodeName)).size).toBe(2);
    await until("the new chain answers", () => rpc(url, "eth_chainId"));
    token = await deployToken(url, account, 1_000n);
    await token.transfer(bob, 5n);
    expect(await token.balanceOf(bob)).toBe(5n);
  });

  it("goes on while a validator's pod is killed, which comes back under another address and catches up", async () => {
    const victim = (await pods()).find((pod) => nodeOf(pod) === "validator-3");
    const { name = "", namespace = "", uid = "" } = victim?.metadata ?? {};
    const at = await height();
    await region.kubectl("delete", "pod", name, "-n", namespace, "--grace-period=0", "--force");
    await until("two more blocks", async () => (await height()) >= at + 2);
    await until("another pod", async () =>
      (await pods()).some((pod) => nodeOf(pod) === "validator-3" && pod.metadata.uid !== uid),
    );
    await until("it has caught up", async () => (await height(await nodeUrl("validator-3"))) >= at + 2, {
      ...{ timeoutMs: 120_000, everyMs: 500 },
    });
  });

  it("one is replaced: a fifth is voted in, then the first one out, and its pod goes", async () => {
    await change({ retiredValidators: [0] });
    expect(await validators("validator-1")).toEqual(validatorNames(1, 2, 3, 4));
    await runningAre(["rpc-0", ...validatorNames(1, 2, 3, 4)]);
    await token.transfer(bob, 1n);
  });

  it("paused, no pod runs; resumed, it goes on from where it was; deleted, nothing is left", async () => {
    const at = await height();
    await finish(customer.sdk, (await customer.sdk.chains.pause({ params: params() })).id);
    await runningAre([]);
    await finish(customer.sdk, (await customer.sdk.chains.resume({ params: params() })).id, 300_000);
    await until("new blocks on top of the old ones", async () => (await height()) > at, { timeoutMs: 120_000 });
    expect(await token.balanceOf(bob)).toBe(6n);
    await token.transfer(bob, 1n);
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: params() })).id);
    await until("its namespace is gone", async () => (await region.namespaces(chain)).length === 0, {
      ...{ timeoutMs: 120_000, everyMs: 1_000 },
    });
  });
});
