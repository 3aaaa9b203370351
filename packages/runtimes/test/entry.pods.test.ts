import { once } from "node:events";
import { connect as dialPlain } from "node:net";
import { connect } from "node:tls";
import type { Blueprint, BlueprintNode, NodeAddress, NodeSpec } from "@portolan/domain";
import { requireCluster, type TestCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newPlacement, region, toBlueprint } from "../src/conformance/blueprints.ts";
import { until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef, SecretSource } from "../src/runtime.ts";
import { type KubernetesHarness, nodeImage, openKubernetesHarness, toNamespace } from "./kubernetes-harness.ts";
import { makeServerPair } from "./server-pair.ts";

const required = requireCluster(3);
const domain = "paris.example.org";
const namespace = `portolan-entry-${process.pid}`;
const port = 30_100 + (process.pid % 2_000);
const ports = { first: 32_200 + 4 * (process.pid % 140), count: 2 };
const entry = { domain, service: "NodePort" as const, port, ports, namespace };

/** Answers each TLS caller with its name, and without TLS at its other ports. */
const script = `
const tls = require("node:tls"), net = require("node:net"), fs = require("node:fs");
const [key, cert, port, side, peers, host, name] = process.argv.slice(1);
const quiet = (socket) => socket.on("error", () => undefined);
tls.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (socket) => quiet(socket).end(name)).on("tlsClientError", () => undefined).listen(Number(port), host);
net.createServer((socket) => quiet(socket).end("side")).listen(Number(side), host);
net.createServer((socket) => quiet(socket).end("peer " + name)).listen(Number(peers), host);
process.on("SIGTERM", () => process.exit(0));
`;

const specs: NodeSpec[] = [
  {
    ...{ name: "peer-0", role: "peer", ordinal: 0, region },
    ports: [
      { name: "grpc", exposure: "gateway", protocol: "grpc", outsideBy: "tls" },
      { name: "side", exposure: "internal", protocol: "tcp" },
      { name: "peers", exposure: "internal", protocol: "tcp", outsideBy: "port" },
    ],
  },
];

interface Scene {
  placement: PlacementRef;
  addresses: readonly NodeAddress[];
  blueprint: Blueprint;
  secrets: SecretSource;
  serverName: string;
  /** Who signed the node's certificate. */
  ca: string;
}

interface Shard {
  metadata: { name: string; managedFields?: { manager: string }[] };
  data?: { [key: string]: string };
}

describe.skipIf(required === undefined)("the region's entry, on real pods", () => {
  let cluster: TestCluster;
  let harness: KubernetesHarness;
  let runtime: KubernetesRuntime;
  let machine = "";
  const scenes: Scene[] = [];

  const toNode = (addresses: readonly NodeAddress[], name: string, isShown: boolean): BlueprintNode => {
    const of = (port: string): NodeAddress => {
      const found = addresses.find((address) => address.port === port);
      if (found === undefined) throw new Error(`no ${port}`);
      return found;
    };
    const { bindHost } = of("grpc");
    const numbers = ["grpc", "side", "peers"].map((wanted) => String(of(wanted).bindNumber));
    const args = [{ file: "key.pem" }, { file: "cert.pem" }, ...numbers];
    return {
      ...{ name: "peer-0", role: "peer", ordinal: 0, version: "1", userId: 1000, startAfter: [], init: [], jobs: [] },
      processes: [
        {
          name: "main",
          program: { name: "node", version: "24", image: nodeImage },
          args: ["-e", script, ...args, bindHost, name],
          env: {},
          probe: { kind: "tls", port: "grpc", periodMs: 500, timeoutMs: 1_000, startupMs: 30_000 },
          after: [],
          stopSignal: "SIGTERM",
          stopGraceMs: 2_000,
        },
      ],
      files: [
        { name: "key.pem", content: { secret: { material: "key", version: 1 } }, mode: 0o600 },
        { name: "cert.pem", content: { public: { material: "cert", version: 1 } }, mode: 0o644 },
      ],
      volumes: [],
      ports: addresses.map(({ port: portName, host, number, bindNumber, outside }) => ({
        ...{ name: portName, exposure: "internal", protocol: "tcp", host, number, bindHost, bindNumber },
        ...(isShown && outside !== undefined ? { outside } : {}),
      })),
      resources: { cpuMillis: 100, memoryBytes: 128 << 20 },
    };
  };

  const place = async (): Promise<Scene> => {
    const placement = newPlacement();
    const addresses = await runtime.reserve(placement, specs, 1n);
    const serverName = addresses.find((address) => address.port === "grpc")?.outside?.serverName ?? "";
    const pair = await makeServerPair([serverName]);
    const secrets: SecretSource = {
      secret: () => Buffer.from(pair.key),
      public: () => pair.cert,
      asset: () => Buffer.alloc(0),
    };
    // Nobody else is let in: what comes through comes by the entry.
    const blueprint = { ...toBlueprint(placement, [toNode(addresses, serverName, true)]), network: [] };
    const scene = { placement, addresses, blueprint, secrets, serverName, ca: pair.ca };
    scenes.push(scene);
    return scene;
  };

  const apply = async (scene: Scene, blueprint: Blueprint = scene.blueprint): Promise<void> => {
    await until("the node to run", async () => {
      await runtime.apply(scene.placement, blueprint, scene.secrets, 1n);
      const { nodes, isUnsettled } = await runtime.observe(scene.placement);
      return nodes[0]?.state === "running" && isUnsettled !== true;
    });
  };

  /** What a caller outside hears that asks a machine of the cluster for this name; its refusal is said by its code. */
  const ask = async (servername: string, ca: string): Promise<string> => {
    const socket = connect({ host: machine, port, servername, ca, timeout: 5_000 });
    let text = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    // Its end by the other side may be an error too, after the one that says why.
    socket.on("error", () => undefined).on("timeout", () => socket.destroy(new Error("no answer")));
    try {
      await once(socket, "end");
      return socket.authorized ? text : "somebody else";
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    } finally {
      socket.destroy();
    }
  };
  /** What whoever dials this number hears, in plain TCP. */
  const hear = async (number: number): Promise<string> => {
    const socket = dialPlain({ host: machine, port: number, timeout: 5_000 });
    let text = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    socket.on("error", () => undefined).on("timeout", () => socket.destroy());
    await new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
    socket.destroy();
    return text;
  };
  const numberOf = ({ addresses }: Scene): number =>
    addresses.find((address) => address.port === "peers")?.outside?.number ?? 0;
  const unknown = "ERR_SSL_TLSV1_UNRECOGNIZED_NAME";
  const reaches = (scene: Scene) =>
    until("an answer by its name", async () => (await ask(scene.serverName, scene.ca)) === scene.serverName);

  const shards = (): Shard[] =>
    (harness.read("configmap", "-n", namespace, "--show-managed-fields") as { items: Shard[] }).items.filter(
      ({ metadata }) => metadata.name.startsWith("portolan-entry-routes-"),
    );
  const readyPods = (): string[] => {
    const selector = "portolan.dev/component=entry";
    const { items } = harness.read("pods", "-n", namespace, "-l", selector) as {
      items: {
        metadata: { name: string; uid: string; deletionTimestamp?: string };
        status: { conditions?: { type: string; status: string }[] };
      }[];
    };
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .filter(({ status }) => status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"))
      .map(({ metadata }) => metadata.uid);
  };

  beforeAll(async () => {
    if (required === undefined) return;
    cluster = await required.start();
    harness = await openKubernetesHarness(cluster);
    // The entry is let in where nothing that is not restricted would be.
    harness.kubectl(["apply", "-f", "-"], {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    runtime = harness.open({
      homeNamespace: namespace,
      settings: { entry, gateway: [], worker: [] },
    });
    expect((await runtime.learn()).exposure).toEqual({ domain, byServerName: true, byPort: true });
    const { items } = harness.read("nodes") as {
      items: { status: { addresses: { type: string; address: string }[] } }[];
    };
    machine = items[0]?.status.addresses.find(({ type }) => type === "InternalIP")?.address ?? "";
    await until("two pods of the entry", async () => readyPods().length === 2);
  }, 180_000);
  afterAll(async () => {
    await Promise.all(
      scenes.map(({ placement }) =>
        runtime.destroy(placement, { volumes: true, fence: 1_000n }).catch(() => undefined),
      ),
    );
    harness?.kubectl(["delete", "namespace", namespace, "--wait=false"]);
    await harness?.close();
  }, 120_000);

  it("hands callers from outside on to the node that they ask for, over TLS from end to end, and only there", {
    timeout: 180_000,
  }, async () => {
    const [one, two] = [await place(), await place()];
    expect(one.serverName).toBe(`peer-0-${one.placement.chainId.replace("_", "-")}.${domain}`);
    expect(one.addresses.find((address) => address.port === "side")?.outside).toBeUndefined();
    await Promise.all([apply(one), apply(two)]);
    await Promise.all([reaches(one), reaches(two)]);
    expect(await ask(`peer-1-${one.serverName}`, one.ca)).toBe(unknown);
    // Each sees its own node's certificate: another authority's is refused.
    expect(await ask(one.serverName, two.ca)).toMatch(/CERT|SIGNATURE|ISSUER|somebody/);
    // The entry gets to no other port of the node.
    const service = harness.read("service", "-n", toNamespace(one.placement), "peer-0") as {
      spec: { clusterIP: string };
    };
    const ownNumber = (name: string) => one.addresses.find((address) => address.port === name)?.number ?? 0;
    const dial = (name: string) =>
      harness.kubectl([
        ...["exec", "-n", namespace, "deploy/portolan-entry", "--", "node", "-e"],
        `const s = require("net").connect({ host: "${service.spec.clusterIP}", port: ${ownNumber(name)}, timeout: 3000 });
         const say = (text) => { console.log(text); process.exit(0); };
         s.on("connect", () => say("connected")).on("timeout", () => say("silence")).on("error", () => say("refused"));`,
      ]);
    expect(dial("grpc").trim()).toBe("connected");
    expect(dial("side").trim()).not.toBe("connected");
  });

  it("ports that say no name have a number each, kept by whoever reserves them again, and refused when none is left", async () => {
    const [one, two] = scenes;
    if (one === undefined || two === undefined) throw new Error("there are no nodes");
    expect([one, two].map(numberOf).sort()).toEqual([ports.first, ports.first + 1]);
    for (const scene of [one, two])
      await until("an answer by its number", async () => (await hear(numberOf(scene))) === `peer ${scene.serverName}`);
    const other = harness.open({ homeNamespace: namespace, settings: { entry, gateway: [], worker: [] } });
    const again = await other.reserve(one.placement, specs, 1n);
    expect(again.find((address) => address.port === "peers")?.outside).toEqual({
      host: one.serverName,
      number: numberOf(one),
    });
    const third = newPlacement();
    await expect(runtime.reserve(third, specs, 1n)).rejects.toMatchObject({
      message: "The region's entry has no port number left for callers from outside.",
    });
    await runtime.destroy(third, { volumes: true, fence: 2n });
  });

  it("is there again when its pods were killed, with the routes that it had", { timeout: 180_000 }, async () => {
    const [one] = scenes;
    if (one === undefined) throw new Error("there is no node");
    const before = readyPods();
    expect(before).toHaveLength(2);
    harness.kubectl([
      ...["delete", "pods", "-n", namespace, "-l", "portolan.dev/component=entry"],
      ...["--grace-period=0", "--force"],
    ]);
    await until("two other pods", async () => {
      const now = readyPods();
      return now.length === 2 && now.every((uid) => !before.includes(uid));
    });
    await reaches(one);
  });

  it("what others took from its routes comes back with the placement's next turn", { timeout: 240_000 }, async () => {
    const [one, two] = scenes;
    if (one === undefined || two === undefined) throw new Error("there are no nodes");
    const key = `${toNamespace(one.placement)}.json`;
    const shard = shards().find(({ data }) => data?.[key] !== undefined)?.metadata.name ?? "";
    harness.kubectl([
      "patch",
      "configmap",
      "-n",
      namespace,
      shard,
      "--type=merge",
      "-p",
      JSON.stringify({ data: { [key]: null } }),
    ]);
    // Another worker, or this one after a restart, knows nothing of what was written: it writes what is wanted.
    const other = harness.open({
      homeNamespace: namespace,
      settings: { entry, gateway: [], worker: [] },
    });
    await other.apply(one.placement, one.blueprint, one.secrets, 1n);
    expect(shards().find(({ metadata }) => metadata.name === shard)?.data?.[key]).toContain(one.serverName);
    await reaches(one);
    await reaches(two);
  });

  it("a node that is not shown any more, or is gone, has no route; the others' stay", {
    timeout: 240_000,
  }, async () => {
    const [one, two] = scenes;
    if (one === undefined || two === undefined) throw new Error("there are no nodes");
    const hidden = { ...toBlueprint(one.placement, [toNode(one.addresses, one.serverName, false)]), network: [] };
    await apply(one, hidden);
    await until("the name to be unknown", async () => (await ask(one.serverName, one.ca)) === unknown);
    await reaches(two);
    await runtime.destroy(two.placement, { volumes: true, fence: 2n });
    await until("the other name to be unknown", async () => (await ask(two.serverName, two.ca)) === unknown);
    expect(await hear(numberOf(one))).toBe("");
    expect(await hear(numberOf(two))).toBe("");
    // A node that may be shown again keeps its number; what is gone has none.
    const { data: taken } = harness.read("configmap", "-n", namespace, "portolan-entry-ports") as Shard;
    expect(taken).toEqual({ [numberOf(one)]: `${toNamespace(one.placement)}/peer-0/peers` });
    // Nothing of either is left: no key, no writer's name, no way.
    expect(shards().flatMap(({ data = {} }) => Object.keys(data))).toEqual([]);
    const managers = shards().flatMap(({ metadata }) => (metadata.managedFields ?? []).map(({ manager }) => manager));
    expect(managers.filter((manager) => manager.startsWith("portolan-routes."))).toEqual([]);
    const policies = harness.read("networkpolicy", "-n", namespace) as { items: { metadata: { name: string } }[] };
    expect(policies.items.map(({ metadata }) => metadata.name)).toEqual(["portolan-entry"]);
  });
});
