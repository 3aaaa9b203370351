import { type ChildProcess, spawn } from "node:child_process";
import type { Blueprint, BlueprintNode } from "@portolan/domain";
import { requireCluster, type TestCluster } from "@portolan/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, secrets, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { askEcho, converge, countOf, eventsOf, until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef } from "../src/runtime.ts";
import { type KubernetesHarness, openKubernetesHarness, toNamespace } from "./kubernetes-harness.ts";

const required = requireCluster(3);

interface Pod {
  metadata: { name: string; uid: string; annotations: { [key: string]: string }; deletionTimestamp?: string };
  spec: {
    nodeName?: string;
    containers: { image: string }[];
    tolerations?: { key?: string }[];
    resources?: { requests?: { memory?: string }; limits?: { memory?: string } };
  };
}

/** Two machines of its own: they are drained, which would take the pods of other suites away. */
describe.skipIf(required === undefined)("changes of pods and machines", { timeout: 300_000 }, () => {
  let cluster: TestCluster;
  let harness: KubernetesHarness;
  let moving: KubernetesRuntime;
  let staying: KubernetesRuntime;
  let next: string;
  const placements: PlacementRef[] = [];
  const drains: { child: ChildProcess; ended: Promise<unknown> }[] = [];

  const images = () => [
    { match: "docker.io/library/node:25", use: next },
    { match: "docker.io/library/node:26", use: "127.0.0.1:1/not/there:1" },
  ];
  const podsOf = (placement: PlacementRef): Pod[] =>
    (harness.read("pods", "-n", toNamespace(placement)) as { items: Pod[] }).items.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
  const uidsOf = (placement: PlacementRef) =>
    Object.fromEntries(podsOf(placement).map(({ metadata: { name, uid } }) => [name, uid]));

  const place = async (
    runtime: KubernetesRuntime,
    names: readonly string[],
    change: Partial<BlueprintNode> = {},
  ): Promise<{ placement: PlacementRef; blueprint: Blueprint }> => {
    const placement = newPlacement();
    placements.push(placement);
    const addresses = await runtime.reserve(placement, toSpecs(...names), 1n);
    const nodes = names.map((name) => echoNode(addresses, name, change));
    const spread = names.length > 1 ? [{ group: "all", nodes: names }] : [];
    const blueprint = { ...toBlueprint(placement, nodes), spread };
    await converge(runtime, placement, blueprint, 1n);
    return { placement, blueprint };
  };
  /** The same nodes, each in this version of the program. */
  const inVersion = (blueprint: Blueprint, version: string, tag: string): Blueprint => ({
    ...blueprint,
    nodes: blueprint.nodes.map((node) => ({
      ...{ ...node, version },
      processes: node.processes.map((process) => ({
        ...process,
        program: { ...process.program, version, image: `docker.io/library/node:${tag}` },
      })),
    })),
  });

  /** As docs/kubernetes.md tells an operator to. */
  const drain = (machine: string) => {
    const said: string[] = [];
    const args = ["drain", machine, "--ignore-daemonsets", "--delete-emptydir-data"];
    const child = spawn(cluster.kubectl, ["--kubeconfig", cluster.adminKubeconfigPath, ...args]);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => said.push(String(piece)));
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    drains.push({ child, ended });
    return { ended, said: () => said.join("") };
  };

  beforeAll(async () => {
    if (required === undefined) return;
    cluster = await required.start({ own: true, nodes: 2 });
    harness = await openKubernetesHarness(cluster);
    const spec = { name: "next", programs: [process.execPath], entrypoint: ["node"] };
    // The same program in another image: what is shown is that the image changes, not the program.
    next = (await cluster.makeImage({ ...spec, texts: { "/etc/which": "another image" } })).digestReference;
    const current = (await cluster.makeImage({ ...spec, name: "node", tag: "24" })).digestReference;
    const all = [{ match: "docker.io/library/node:24", use: current }, ...images()];
    moving = harness.open({ settings: { storageClass: cluster.storageClasses.anywhere, images: all } });
    staying = harness.open({ settings: { storageClass: cluster.storageClasses.node, images: all } });
  }, 300_000);
  afterEach(async () => {
    for (const { child, ended } of drains.splice(0)) {
      child.kill("SIGTERM");
      await ended;
    }
    for (const { name } of cluster?.nodes ?? []) harness.kubectl(["uncordon", name]);
  });
  afterAll(async () => {
    await Promise.all(placements.map((one) => moving.destroy(one, { volumes: true, fence: 1_000n })));
    await harness?.close();
    await cluster?.close();
  });

  it("a node of another version is a pod of another image with the same data; the others are not touched", async () => {
    const { placement, blueprint } = await place(moving, ["echo-0", "echo-1"]);
    const before = uidsOf(placement);
    const wish = inVersion(blueprint, "2", "25");
    const wanted = (await moving.observe(placement)).nodes.map(({ appliedHash }) => appliedHash);
    await until("the first is upgraded", async () => {
      await moving.apply(placement, wish, secrets, 1n, ["echo-0"]);
      const { nodes } = await moving.observe(placement);
      return nodes.every(({ state }) => state === "running") && nodes[0]?.appliedHash !== wanted[0];
    });
    const [first, second] = podsOf(placement);
    expect(first).toMatchObject({
      spec: { containers: [{ image: next }] },
      metadata: { annotations: { "portolan.dev/version": "2" } },
    });
    expect(first?.metadata.uid).not.toBe(before["echo-0-0"]);
    expect(second?.metadata.uid).toBe(before["echo-1-0"]);
    expect(second?.spec.containers[0]?.image).not.toBe(next);
    const events = await eventsOf(moving, placement, "echo-0");
    expect([countOf(events, "start"), countOf(events, "stop main SIGTERM")]).toEqual([2, 1]);
    await converge(moving, placement, wish, 1n);
    expect(podsOf(placement).map(({ spec }) => spec.containers[0]?.image)).toEqual([next, next]);

    // An image that is not there: the one node whose turn it is says so, and goes back when that is wished.
    const broken = inVersion(blueprint, "3", "26");
    await until("its reason", async () => {
      await moving.apply(placement, broken, secrets, 1n, ["echo-0"]);
      return (await moving.observe(placement)).nodes[0]?.reason === "image_pull_failed";
    });
    expect((await moving.observe(placement)).nodes[1]).toMatchObject({ state: "running" });
    await converge(moving, placement, wish, 1n);
    expect(countOf(await eventsOf(moving, placement, "echo-0"), "start")).toBe(3);
  });

  it("more processors, memory and storage: the pod is another one, its volume is the same and larger", async () => {
    const { placement, blueprint } = await place(moving, ["echo-0"]);
    const larger = {
      ...blueprint,
      nodes: blueprint.nodes.map((node) => ({
        ...node,
        resources: { cpuMillis: 200, memoryBytes: 256 << 20 },
        volumes: node.volumes.map((volume) => ({ ...volume, sizeBytes: volume.sizeBytes * 4 })),
      })),
    };
    const [before] = podsOf(placement);
    const [{ appliedHash } = {}] = (await moving.observe(placement)).nodes;
    await until("it is as large as it is wished", async () => {
      await moving.apply(placement, larger, secrets, 1n);
      const [node] = (await moving.observe(placement)).nodes;
      return node?.state === "running" && node.appliedHash !== appliedHash && node.storageBytes === String(4 << 20);
    });
    const [after] = podsOf(placement);
    expect(after?.metadata.uid).not.toBe(before?.metadata.uid);
    expect(after?.spec.resources).toMatchObject({
      requests: { cpu: "200m", memory: "256Mi" },
      limits: { memory: "256Mi" },
    });
    expect(harness.read("pvc", "echo-0.data", "-n", toNamespace(placement))).toMatchObject({
      spec: { resources: { requests: { storage: "4Mi" } } },
      status: { capacity: { storage: "4Mi" } },
    });
    expect(countOf(await eventsOf(moving, placement, "echo-0"), "start")).toBe(2);
  });

  it("what only a new release writes differently restarts nothing, and is taken when asked or at the next start", async () => {
    const { placement, blueprint } = await place(moving, ["echo-0", "echo-1"]);
    const before = uidsOf(placement);
    // A new release of the framework's renderer: the coordinator lets no node that is well be changed.
    const rewritten = {
      ...blueprint,
      rendererVersion: 2,
      nodes: blueprint.nodes.map((node) => ({ ...node, ordinal: node.ordinal + 7 })),
    };
    for (const _pass of [1, 2, 3]) await moving.apply(placement, rewritten, secrets, 1n, []);
    expect(uidsOf(placement)).toEqual(before);
    // A new release of the driver's renderer, or another setting of the region: every pod would be written differently.
    const tolerations = [{ key: "example.com/special", operator: "Exists" as const }];
    const { storageClasses } = cluster;
    const rewriting = harness.open({
      settings: {
        ...{ storageClass: storageClasses.anywhere, tolerations },
        images: [{ match: "docker.io/library/node:24", use: podsOf(placement)[0]?.spec.containers[0]?.image ?? "" }],
      },
    });
    for (const _pass of [1, 2, 3]) await rewriting.apply(placement, blueprint, secrets, 1n);
    const special = () =>
      podsOf(placement).map(({ spec }) => (spec.tolerations ?? []).some(({ key }) => key === "example.com/special"));
    const set = harness.read("statefulset", "echo-0", "-n", toNamespace(placement));
    expect(set).toMatchObject({ spec: { template: { spec: { tolerations: expect.arrayContaining(tolerations) } } } });
    expect(uidsOf(placement)).toEqual(before);
    expect(special()).toEqual([false, false]);
    // Whatever starts next starts as it is written now, alone.
    harness.kubectl(["delete", "pod", "echo-0-0", "-n", toNamespace(placement), "--wait=false"]);
    await until("its successor", async () => {
      const uid = uidsOf(placement)["echo-0-0"];
      return uid !== undefined && uid !== before["echo-0-0"];
    });
    await converge(rewriting, placement, blueprint, 1n);
    expect(special()).toEqual([true, false]);
    expect(uidsOf(placement)["echo-1-0"]).toBe(before["echo-1-0"]);
    // Asked for: the coordinator names the node whose turn it is.
    const hashes = async () => (await rewriting.observe(placement)).nodes.map(({ appliedHash }) => appliedHash);
    const [, former] = await hashes();
    await until("the second is rewritten", async () => {
      await rewriting.apply(placement, rewritten, secrets, 1n, ["echo-1"]);
      const { nodes } = await rewriting.observe(placement);
      return nodes.every(({ state }) => state === "running") && nodes[1]?.appliedHash !== former;
    });
    expect(special()).toEqual([true, true]);
  });

  it("a machine is drained: one of a group at a time goes to the other machine with its data, and the drain ends", async () => {
    const names = ["echo-0", "echo-1", "echo-2"];
    const group = await place(moving, names);
    const single = await place(moving, ["echo-0"]);
    const machine = podsOf(single.placement)[0]?.spec.nodeName ?? "";
    const { ended, said } = drain(machine);
    let code: number | null | undefined;
    void ended.then((found) => {
      code = found;
    });
    const counts: number[] = [];
    await until("the drain's end", async () => {
      const { nodes } = await moving.observe(group.placement);
      counts.push(nodes.filter(({ state }) => state === "running").length);
      return code !== undefined;
    });
    expect({ code, said: said() }).toMatchObject({ code: 0 });
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
    for (const { placement, blueprint } of [group, single]) {
      await until("all run again", async () => {
        const { nodes } = await moving.observe(placement);
        return nodes.length === blueprint.nodes.length && nodes.every(({ state }) => state === "running");
      });
      expect(podsOf(placement).map(({ spec }) => spec.nodeName)).not.toContain(machine);
    }
    const events = await eventsOf(moving, single.placement, "echo-0");
    expect([countOf(events, "start"), countOf(events, "stop main SIGTERM")]).toEqual([2, 1]);
    // A start that nobody asked for is counted as one, and the next apply changes nothing.
    const uids = uidsOf(single.placement);
    expect(await converge(moving, single.placement, single.blueprint, 1n)).toMatchObject([{ restarts: 1 }]);
    expect(uidsOf(single.placement)).toEqual(uids);
  });

  it("volumes that can't move: a group loses one, the drain waits and the chain says why; uncordoned, it is back", async () => {
    const names = ["echo-0", "echo-1", "echo-2"];
    const { placement } = await place(staying, names);
    const machines = podsOf(placement).map(({ spec }) => spec.nodeName ?? "");
    const machine = machines.find((name, index) => machines.indexOf(name) !== index) ?? "";
    const { said } = drain(machine);
    const held = await until("the reason of the one that went", async () =>
      (await staying.observe(placement)).nodes.find(({ reason }) => reason === "volume_stays"),
    );
    expect(held).toMatchObject({ state: "failed", hint: expect.stringContaining("kubectl uncordon") });
    await until("the next one's refusal", async () => said().includes("disruption budget"));
    const states = async () => (await staying.observe(placement)).nodes.map(({ state }) => state).sort();
    expect(await states()).toEqual(["failed", "running", "running"]);
    for (const { child, ended } of drains.splice(0)) {
      child.kill("SIGTERM");
      await ended;
    }
    harness.kubectl(["uncordon", machine]);
    await until("all run", async () => (await states()).every((state) => state === "running"));
    const events = await eventsOf(staying, placement, held.node);
    expect([countOf(events, "start"), countOf(events, "stop main SIGTERM")]).toEqual([2, 1]);
    expect(await askEcho(staying, placement, held.node)).toMatchObject({ name: "main" });
  });
});
