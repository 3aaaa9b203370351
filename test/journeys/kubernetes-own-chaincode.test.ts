import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireCluster, requireProgramSet, type TestCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addClusterRegion, type ClusterRegion } from "../support/cluster-region.ts";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { enrol, fabricBody, type OpenFabric, openThroughPlane } from "../support/fabric.ts";
import { fabricImages } from "../support/fabric-images.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const required = requireCluster(3);
const programs = requireProgramSet("fabric");

const ownImage = "chaincode-asset-transfer";

describe.skipIf(required === undefined || programs === undefined)("chaincode by a tenant's own image", () => {
  let cluster: TestCluster;
  let region: ClusterRegion;
  let plane: Plane;
  let customer: Customer;
  let client: OpenFabric | undefined;
  let directory: string;
  let chain = "";
  let refused = "";
  let image = { open: "", closed: "" };

  beforeAll(async () => {
    if (required === undefined || programs === undefined) return;
    cluster = await required.start();
    directory = await mkdtemp(join(tmpdir(), "portolan-own-chaincode-"));
    const images = fabricImages(programs.paths, { version: "3.1.5", directory });
    const own = images.find(({ match }) => match.includes(ownImage));
    const others = images.filter((one) => one !== own);
    const made = await cluster.makeImage({
      name: "own-chaincode",
      programs: own?.programs ?? [],
      ...(own?.files === undefined ? {} : { files: own.files }),
      entrypoint: [`/usr/local/bin/${ownImage}`],
    });
    image = await cluster.pushImage(made, "tenant/own-chaincode", "1");
    region = await addClusterRegion(cluster, others);
    const registries = [cluster.registry?.open, cluster.registry?.closed].join(",");
    plane = await startPlane({ env: { ...region.env, PORTOLAN_TENANT_REGISTRIES: registries } });
    customer = await signUp(plane);
  }, 600_000);
  afterAll(async () => {
    client?.close();
    if (chain !== "") await finish(customer.sdk, (await customer.sdk.chains.delete({ params: { chain } })).id);
    await plane?.stop();
    await region?.close();
    await cluster?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }, 300_000);

  const wish = (of: string) => ({ channel: "main", source: { kind: "image" as const, image: of } });

  it("an image that its registry does not give out is said on the operation, with what to do", async () => {
    const { sdk } = customer;
    const network = await sdk.chains.create({ body: fabricBody(customer, { regions: [region.slug] }) });
    chain = network.target.id;
    const params = { chain };
    const channel = await sdk.channels.create({ params, body: { name: "main" } });
    for (const { id } of [network, channel]) await finish(sdk, id, 400_000);
    const denied = await sdk.chaincodes.create({ params, body: { name: "closed", settings: wish(image.closed) } });
    refused = denied.id;
    const operation = await until("the reason", async () => {
      const found = await sdk.operations.get({ params: { operation: denied.id } });
      return found.state === "needsAttention" ? found : undefined;
    });
    expect(operation.error).toMatchObject({
      message: expect.stringContaining("its registry refuses access"),
      hint: expect.stringContaining("portolan registries set"),
      retryable: false,
    });
  }, 900_000);

  it("once its app has credentials for the registry, that operation ends by itself and the chaincode answers", async () => {
    const { sdk, appId } = customer;
    const { closed = "", user: username = "", password = "" } = cluster.registry ?? {};
    await sdk.registries.set({ params: { app: appId, registry: closed }, body: { username, password } });
    const look = async () => {
      const { state } = await sdk.operations.get({ params: { operation: refused } });
      return state === "succeeded";
    };
    await until("its end", look, { timeoutMs: 300_000 });
    const user = await enrol(customer, chain, { name: "puller", organisation: "org1" });
    const caller = openThroughPlane(plane, chain, customer.secret, user);
    try {
      const contract = caller.contract("main", "closed");
      await contract.submitTransaction("create", "boat", "blue", "1");
      expect(Buffer.from(await contract.evaluateTransaction("read", "boat")).toString()).toContain("blue");
    } finally {
      caller.close();
    }
  }, 900_000);

  it("one that anybody may pull runs in a namespace of its own, and answers through the gateway", async () => {
    const { sdk } = customer;
    const params = { chain };
    const made = await sdk.chaincodes.create({ params, body: { name: "own", settings: wish(image.open) } });
    await finish(sdk, made.id, 400_000);
    const user = await enrol(customer, chain, { name: "app", organisation: "org1" });
    client = openThroughPlane(plane, chain, customer.secret, user);
    const contract = client.contract("main", "own");
    await contract.submitTransaction("create", "car", "red", "1");
    expect(Buffer.from(await contract.evaluateTransaction("read", "car")).toString()).toContain("red");
    const pods = JSON.parse(await region.kubectl("get", "pods", "-A", "-l", "portolan.dev/trust=tenant", "-o", "json"));
    expect(
      pods.items.map((pod: { metadata: { name: string; namespace: string } }) => [
        pod.metadata.name,
        pod.metadata.namespace,
      ]),
    ).toContainEqual(["chaincode-own-0-0", expect.stringMatching(/^p-plc-[0-9a-z]{26}-t$/)]);
  }, 900_000);
});
