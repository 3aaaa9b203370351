import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { OperationResource } from "@portolan/contract";
import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { enrol, type FabricUser, fabricBody, type OpenFabric, openDirect, peerAddress } from "../support/fabric.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const programs = requireProgramSet("fabric");

const basic = { channel: "main", source: { kind: "catalogue", name: "asset-transfer" } } as const;
const titles = (operation: OperationResource): string[] =>
  operation.steps.map(({ title, state }) => `${title}: ${state}`);

describe.skipIf(programs === undefined)("a Fabric network of a developer, on real nodes", () => {
  let plane: Plane;
  let customer: Customer;
  let chain = "";
  let user: FabricUser;

  const withPeer = async <Answer>(work: (client: OpenFabric) => Promise<Answer>): Promise<Answer> => {
    const client = openDirect(await peerAddress(plane, chain, "peer-org1-0"), user);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
  const read = (id: string): Promise<unknown> =>
    withPeer(async (client) =>
      JSON.parse(Buffer.from(await client.contract("main", "basic").evaluateTransaction("read", id)).toString()),
    );
  const create = (id: string) =>
    withPeer((client) => client.contract("main", "basic").submitTransaction("create", id, "a car", "100"));
  const nodes = async () => (await customer.sdk.chains.nodes({ params: { chain } })).items;
  const heights = async () => Object.fromEntries((await nodes()).map(({ name, height }) => [name, height]));
  const running = (): string[] =>
    plane
      .processes()
      .flatMap(({ node }) => node ?? [])
      .sort();

  beforeAll(async () => {
    plane = await startPlane();
    customer = await signUp(plane);
  });
  afterAll(() => plane?.stop());

  it("takes network, channel, chaincode and identity one right after the other, and shows each one's steps", async () => {
    const { sdk } = customer;
    const started = performance.now();
    const network = await sdk.chains.create({ body: fabricBody(customer) });
    chain = network.target.id;
    const params = { chain };
    const channel = await sdk.channels.create({ params, body: { name: "main" } });
    const chaincode = await sdk.chaincodes.create({ params, body: { name: "basic", settings: basic } });
    user = await enrol(customer, chain, { name: "app", organisation: "org1" });
    expect((await finish(sdk, network.id)).steps.length).toBeGreaterThan(0);
    expect(titles(await finish(sdk, channel.id))).toEqual([
      "Make what it needs: succeeded",
      "Make channel main on orderer-0: succeeded",
      "Let peer-org1-0 join channel main: succeeded",
      "Find it in the network as wished: succeeded",
    ]);
    const done = await finish(sdk, chaincode.id);
    expect(titles(done)).toEqual([
      "Make what it needs: succeeded",
      "Start its nodes: succeeded",
      "Install chaincode basic on peer-org1-0: succeeded",
      "Approve chaincode basic 1.0 for org1: succeeded",
      "Take chaincode basic 1.0 into use: succeeded",
      "Call chaincode basic from peer-org1-0: succeeded",
      "Let peer-org1-0 find who endorses chaincode basic: succeeded",
      "Find it in the network as wished: succeeded",
    ]);
    // In the order in which they were carried out, each in a time of its own.
    const times = done.steps.slice(2, -1).map(({ startedAt, endedAt }) => [startedAt ?? "", endedAt ?? ""]);
    expect(times.flat()).toEqual(times.flat().sort());
    await create("first");
    expect(await read("first")).toMatchObject({ id: "first", value: "100" });
    // Seconds, on a busy machine too; what it is against the nodes' own time is the benchmark's.
    expect(performance.now() - started).toBeLessThan(150_000);
  });

  it("shows its nodes, what they log, what happened, and what a channel and a chaincode are like", async () => {
    const { sdk } = customer;
    const params = { chain };
    const roles = (await nodes()).map(({ name, role, isHealthy }) => `${name} ${role} ${isHealthy}`).sort();
    expect(roles).toEqual(["chaincode-basic-0 chaincode true", "orderer-0 orderer true", "peer-org1-0 peer true"]);
    for (const node of ["orderer-0", "peer-org1-0"]) {
      const said = async () => (await sdk.chains.logs({ params, query: { node } })).lines.map(({ line }) => line);
      await expect.poll(async () => (await said()).join("\n"), { timeout: 60_000 }).toContain("main");
    }
    const messages = async () => (await sdk.chains.events({ params })).items.map(({ message }) => message);
    await expect
      .poll(messages)
      .toEqual(
        expect.arrayContaining([
          "The chain is running.",
          "part.create of the channel main has come to its end",
          "part.create of the chaincode basic has come to its end",
          "part.create of the identity app has come to its end",
        ]),
      );
    const { endpoints } = await sdk.chains.get({ params });
    const grpc = `grpcs://${chain.replaceAll("_", "-")}.chains.localhost:${plane.grpc.split(":")[1]}`;
    expect(endpoints.map(({ protocol, url }) => [protocol, url])).toEqual([
      ["grpc", grpc],
      ["rest", `${plane.gateway}/${chain}`],
    ]);
    const { detail } = await sdk.channels.get({ params: { chain, channel: "main" } });
    expect(detail).toMatchObject({ organisations: ["Org1MSP"] });
    const installed = await sdk.chaincodes.get({ params: { chain, chaincode: "basic" } });
    expect(installed).toMatchObject({ state: "ready", detail: { sequence: 1, version: "1.0" } });
  });

  it("pauses to no process and resumes with its ledger", async () => {
    const { sdk } = customer;
    await create("before-pause");
    await finish(sdk, (await sdk.chains.pause({ params: { chain } })).id);
    expect(running()).toEqual([]);
    await finish(sdk, (await sdk.chains.resume({ params: { chain } })).id);
    expect(running()).toEqual(["chaincode-basic-0", "orderer-0", "peer-org1-0"]);
    // The genesis, an approval, a definition, and a transaction before and one after the first look at them.
    await expect.poll(heights, { timeout: 60_000 }).toMatchObject({ "orderer-0": "5", "peer-org1-0": "5" });
    expect(await read("before-pause")).toMatchObject({ id: "before-pause" });
    await create("after-pause");
    expect(await read("after-pause")).toMatchObject({ id: "after-pause" });
  });

  it("counts the time of each role's nodes", async () => {
    const lines = await until(
      "the bill has all roles",
      async () => {
        const bill = await customer.sdk.bills.get({ params: { app: customer.appId } });
        const found = bill.lines.filter(({ sku }) => sku.startsWith("node.fabric.dev."));
        return found.length >= 3 ? found : undefined;
      },
      { timeoutMs: 120_000, everyMs: 500 },
    );
    expect(lines.map(({ sku }) => sku).sort()).toEqual([
      "node.fabric.dev.chaincode",
      "node.fabric.dev.orderer",
      "node.fabric.dev.peer",
    ]);
    for (const { unit, quantity } of lines) {
      expect(unit).toBe("node-second");
      expect(Number(quantity)).toBeGreaterThan(0);
    }
  });

  it("is deleted with everything that it had on the machine", async () => {
    const { sdk } = customer;
    const places = join(plane.home, "nodes", "placements");
    expect(readdirSync(places)).toHaveLength(1);
    await finish(sdk, (await sdk.chains.delete({ params: { chain } })).id);
    expect(running()).toEqual([]);
    await until("its directories are gone", async () => readdirSync(places).length === 0, {
      timeoutMs: 120_000,
    });
  });

  it("comes to be whatever moment its worker is killed at", async () => {
    const { sdk } = customer;
    for (const delayMs of [300, 1_000, 2_000]) {
      const network = await sdk.chains.create({ body: fabricBody(customer, { name: `killed-${delayMs}` }) });
      chain = network.target.id;
      const params = { chain };
      const channel = await sdk.channels.create({ params, body: { name: "main" } });
      const chaincode = await sdk.chaincodes.create({ params, body: { name: "basic", settings: basic } });
      const identity = enrol(customer, chain, { name: "app", organisation: "org1" });
      identity.catch(() => undefined);
      const posted = Date.parse(network.createdAt);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, posted + delayMs - Date.now())));
      plane.kill("worker");
      await plane.heal();
      for (const { id } of [network, channel, chaincode]) await finish(sdk, id);
      user = await identity;
      await create("a");
      expect(running()).toEqual(["chaincode-basic-0", "orderer-0", "peer-org1-0"]);
      await finish(sdk, (await sdk.chains.delete({ params })).id);
      expect(running()).toEqual([]);
    }
  });
});
