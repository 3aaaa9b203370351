import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createGuardedForwarder, createPermits, type GuardedForwarder, isPublicEndpoint } from "@portolan/kit";
import { freePort, requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openClient } from "./client.ts";
import { fabricSpec, type Network, openNetwork, part } from "./network.ts";

const programs = requireProgramSet("fabric");
const main = fileURLToPath(new URL("../../chaincode/asset-transfer/src/main.ts", import.meta.url));
const permits = createPermits(Buffer.alloc(32, 5));
const log = { warn: () => undefined };

const channel = part("channel", "main", {});
const at = (name: string, address: string) =>
  part("chaincode", name, { channel: "main", source: { kind: "external", address } });

/** The customer's own server, on the customer's own machine: it knows nothing but its package id. */
const serve = (address: string, packageId: string): ChildProcess =>
  spawn(process.execPath, [main], {
    stdio: "ignore",
    env: { PATH: process.env["PATH"], CORE_CHAINCODE_ID: packageId, CORE_CHAINCODE_ADDRESS: address },
  });

const openOver = (forwarder: GuardedForwarder, mayDial: (address: string) => boolean) =>
  openNetwork(fabricSpec({ orderers: 1 }, [channel], { plan: "dev" }), {
    forks: [],
    forwarderUrl: forwarder.url,
    externalChaincode: { mayDial, permit: permits.issue },
  });

describe.skipIf(programs === undefined)("chaincode at the customer's own address", () => {
  let forwarder: GuardedForwarder;
  let network: Network;
  let server: ChildProcess | undefined;
  beforeAll(async () => {
    forwarder = await createGuardedForwarder({ networks: [], log, tunnels: { permits, allowPrivate: true } });
    network = await openOver(forwarder, () => true);
    await network.converge();
  });
  afterAll(async () => {
    server?.kill("SIGKILL");
    await network?.close();
    await forwarder?.close();
  });

  test("that does not listen is named, then it does, and transactions go through the node in its place", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    network.wish({ parts: [channel, at("own", address)] });
    const error = await network.trouble(`${address}: nobody listens there`);
    expect(error).toMatchObject({ code: "chaincode.unreachable", hint: expect.stringContaining(address) });
    // Peers give up at once: a customer's server that is down must not hold up the looks at the network. The quickest
    // of some: what a peer waits for each of them would show, what the machine is busy with does not.
    const looksMs: number[] = [];
    for (let count = 0; count < 4; count++) {
      const start = performance.now();
      const view = await network.look();
      looksMs.push(performance.now() - start);
      for (const node of ["orderer-0", "peer-org1-0", "chaincode-own-0"])
        expect(view.nodes[node]).toMatchObject({ healthy: true });
    }
    expect(Math.min(...looksMs)).toBeLessThan(3_000);

    const [, packageId = ""] = /chaincode id (own:[0-9a-f]{64})/.exec(error.hint) ?? [];
    server = serve(address, packageId);
    await network.converge();
    const client = await openClient(network, "org1");
    try {
      const contract = client.contract("main", "own");
      await contract.submitTransaction("create", "a1", "a car", "100");
      const bytes = await contract.evaluateTransaction("read", "a1");
      expect(JSON.parse(Buffer.from(bytes).toString("utf8"))).toMatchObject({ id: "a1", value: "100" });
    } finally {
      client.close();
    }
    await expect.poll(async () => (await network.logs("chaincode-own-0")).join("\n")).toContain("is not encrypted");
  });

  test("may move: the node in its place is started anew, and peers keep the package that they have", async () => {
    const before = new Map((await network.observe()).map(({ node, incarnation }) => [node, incarnation]));
    const [wished] = network.spec().parts.slice(1);
    const address = `127.0.0.1:${await freePort()}`;
    server?.kill("SIGKILL");
    const moved = { ...at("own", address), generation: 2 };
    expect(moved.id).toBe(wished?.id);
    network.wish({ parts: [channel, moved] });
    const error = await network.trouble(`${address}: nobody listens there`);
    const [, packageId = ""] = /chaincode id (own:[0-9a-f]{64})/.exec(error.hint) ?? [];
    server = serve(address, packageId);
    await network.converge();
    const client = await openClient(network, "org1");
    try {
      const bytes = await client.contract("main", "own").evaluateTransaction("read", "a1");
      expect(JSON.parse(Buffer.from(bytes).toString("utf8"))).toMatchObject({ id: "a1" });
    } finally {
      client.close();
    }
    const after = new Map((await network.observe()).map(({ node, incarnation }) => [node, incarnation]));
    expect(after.get("peer-org1-0")).toBe(before.get("peer-org1-0"));
    expect(after.get("chaincode-own-0")).not.toBe(before.get("chaincode-own-0"));
  });

  test("is reached again after the way out was closed, as when a worker is killed", async () => {
    const { port } = new URL(forwarder.url);
    const read = async (): Promise<string> => {
      const client = await openClient(network, "org1");
      try {
        const bytes = await client.contract("main", "own").evaluateTransaction("read", "a1");
        return Buffer.from(bytes).toString("utf8");
      } finally {
        client.close();
      }
    };
    await forwarder.close();
    await expect(read()).rejects.toThrow();
    const tunnels = { permits, allowPrivate: true };
    forwarder = await createGuardedForwarder({ networks: [], log, tunnels, port: Number(port) });
    await expect.poll(() => read().catch(String), { timeout: 60_000 }).toContain("a car");
  });
});

describe.skipIf(programs === undefined)("chaincode at a private address that the operator did not allow", () => {
  test("is refused by the review, and by the forwarder where a name leads there", async () => {
    const forwarder = await createGuardedForwarder({
      networks: [],
      log,
      tunnels: { permits, dial: { resolve: async () => ["127.0.0.1"] } },
    });
    const network = await openOver(forwarder, isPublicEndpoint);
    let server: ChildProcess | undefined;
    try {
      const port = await freePort();
      const literal = network.framework.review(
        { ...network.spec(), parts: [channel, at("own", `127.0.0.1:${port}`)] },
        { forks: [], externalChaincode: { mayDial: isPublicEndpoint } },
      );
      expect(literal).toMatchObject([{ path: "settings.source.address", code: "address.forbidden" }]);
      await network.converge();
      server = serve(`127.0.0.1:${port}`, "own:none");
      network.wish({ parts: [channel, at("own", `cc.example.com:${port}`)] });
      expect(await network.trouble(`cc.example.com:${port}`)).toMatchObject({ code: "address.forbidden" });
    } finally {
      server?.kill("SIGKILL");
      await network.close();
      await forwarder.close();
    }
  });
});
