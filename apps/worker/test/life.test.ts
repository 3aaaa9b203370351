import { afterEach, expect, test } from "vitest";
import { clearPlane, type FakePlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { runFor, settle } from "./support/settle.ts";
import {
  changeChain,
  lastOperation,
  operationsOf,
  partOperationsOf,
  type TestChain,
  wishChain,
} from "./support/wishes.ts";

const plane = await fakePlane();
afterEach(() => clearPlane(plane));

const load = (id: string) => plane.client.chain.findUniqueOrThrow({ where: { id } });
const allNodes = ["hub-0", "leaf-0", "leaf-1", "leaf-2"];

/** What a node's program itself answers. */
const statusOf = async (from: FakePlane, chain: TestChain, node: string) => {
  for (const id of chain.placements.values()) {
    const instance = from.machines.placements.get(id)?.instances.get(node);
    if (instance !== undefined) return instance.node.status();
  }
  throw new Error(`${node} is not there`);
};

const running = async (options: Parameters<typeof wishChain>[1] = {}): Promise<TestChain> => {
  const chain = await wishChain(plane, options);
  await settle(plane);
  expect((await load(chain.id)).phase).toBe("running");
  return chain;
};

test("a topic is made on the hub first and then taken up by the leaves of both regions", async () => {
  const chain = await running();
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", topic: "orders" });
  await settle(plane);
  expect((await lastOperation(plane, chain)).state).toBe("succeeded");
  const [operation] = await partOperationsOf(plane, chain);
  expect(operation).toMatchObject({ kind: "part.create", targetType: "topic", state: "succeeded", progress: 1 });
  const steps = operation?.steps.map(({ key, state }) => `${key} ${state}`);
  expect(steps?.at(0)).toBe("material succeeded");
  expect(steps?.slice(1, -1).sort()).toEqual([
    "step/topic/orders/1/hub-0 succeeded",
    "step/topic/orders/1/leaf-0 succeeded",
    "step/topic/orders/1/leaf-1 succeeded",
    "step/topic/orders/1/leaf-2 succeeded",
  ]);
  expect(steps?.at(-1)).toBe("reached succeeded");
  for (const node of allNodes) expect((await statusOf(plane, chain, node)).topics).toEqual(["orders"]);
  const results = await plane.client.placement.findMany({ where: { chainId: chain.id } });
  const endOf = (key: string) =>
    results
      .flatMap((row) => row.stepResults as unknown as { key: string; startedAt: string }[])
      .find((result) => result.key === key);
  expect(endOf("topic/orders/1/hub-0")).toBeUndefined();
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
});

test("the leaf in the other region is not asked before the hub has the topic", async () => {
  const chain = await running();
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", topic: "orders" });
  // Only the other region's worker is at work: it must find nothing to do.
  const west = plane.worker(undefined, { regions: ["west"] });
  await west.coordinate(chain.id);
  await west.reconcile(chain.placements.get("west") ?? "");
  expect((await statusOf(plane, chain, "leaf-1")).topics).toEqual([]);
  await settle(plane);
  expect((await statusOf(plane, chain, "leaf-1")).topics).toEqual(["orders"]);
});

test("what others changed beside the nodes is put right by the next look, and no node is started for it", async () => {
  const chain = await running();
  const [id = ""] = chain.placements.values();
  const before = startCounts(plane, chain);
  plane.machines.drifted.add(id);
  await runFor(plane, 20_000);
  expect([...plane.machines.drifted]).toEqual([]);
  expect(startCounts(plane, chain)).toEqual(before);
  expect((await load(chain.id)).phase).toBe("running");
});

test("a step whose effect was lost is done again", async () => {
  const chain = await running();
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", topic: "orders" });
  await settle(plane);
  for (const id of chain.placements.values()) {
    for (const disk of plane.machines.placements.get(id)?.disks.values() ?? []) disk.delete("topics.json");
  }
  await runFor(plane, 120_000);
  for (const node of allNodes) expect((await statusOf(plane, chain, node)).topics).toEqual(["orders"]);
  expect((await load(chain.id)).phase).toBe("running");
});

test("pause stops every program and closes the endpoint at once; resume starts the same data", async () => {
  const chain = await running({ plan: "standard" });
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", topic: "orders" });
  await settle(plane);
  await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
  expect((await plane.edge.snapshot("east")).routes[0]?.state).toBe("paused");
  await settle(plane);
  expect(await load(chain.id)).toMatchObject({ phase: "paused" });
  expect(runningNodes(plane, chain)).toEqual([]);
  const paused = await lastOperation(plane, chain);
  expect(paused.steps.map(({ key, state }) => `${key} ${state}`)).toEqual(["close succeeded", "stop succeeded"]);

  await changeChain(plane, chain, { kind: "chain.resume", wish: "running" });
  await settle(plane);
  expect(await load(chain.id)).toMatchObject({ phase: "running" });
  expect((await statusOf(plane, chain, "hub-0")).topics).toEqual(["orders"]);
  expect((await statusOf(plane, chain, "hub-0")).seeds).toBe(1);
  expect((await plane.edge.snapshot("east")).routes[0]).toMatchObject({
    state: "open",
    facts: { "incarnation.hub-0": "2" },
  });
});

test("a paused chain rests: passes are rare, also when its certificates have run out", async () => {
  const chain = await running({ plan: "standard" });
  await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
  await settle(plane);
  plane.clock.advance(40 * 86_400_000);
  const before = (await load(chain.id)).fence;
  await runFor(plane, 600_000);
  expect(Number((await load(chain.id)).fence - before)).toBeLessThan(30);
  await changeChain(plane, chain, { kind: "chain.resume", wish: "running" });
  await settle(plane);
  expect((await load(chain.id)).phase).toBe("running");
  expect((await statusOf(plane, chain, "leaf-0")).certificateVersion).toBe(2);
  expect(startCounts(plane, chain)["leaf-0"]).toBe(2);
});

test("a deleted development chain is purged: no node, volume, material or key is left", async () => {
  const chain = await running();
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  expect(
    (await operationsOf(plane, chain)).map(({ kind, state, actorType }) => `${kind} ${state} ${actorType}`),
  ).toEqual(["chain.create succeeded user", "chain.delete succeeded user", "chain.purge succeeded system"]);
  expect(await load(chain.id)).toMatchObject({ phase: "purged", wish: "purged", nextAt: null });
  for (const id of chain.placements.values()) {
    const placement = plane.machines.placements.get(id);
    expect([placement?.instances.size, placement?.disks.size]).toEqual([0, 0]);
  }
  const where = { chainId: chain.id };
  expect(await plane.client.material.count({ where })).toBe(0);
  expect(await plane.client.authorityKey.count({ where })).toBe(0);
  expect(await plane.client.node.count({ where: { ...where, state: { not: "absent" } } })).toBe(0);
});

test("a deleted standard chain comes back with its data within its window", async () => {
  const chain = await running({ plan: "standard" });
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", topic: "orders" });
  await settle(plane);
  const before = await statusOf(plane, chain, "hub-0");
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  expect(await load(chain.id)).toMatchObject({ phase: "deleted" });
  expect(runningNodes(plane, chain)).toEqual([]);
  plane.clock.advance(86_400_000 - 600_000);
  await changeChain(plane, chain, { kind: "chain.restore", wish: "running" });
  await settle(plane);
  expect(await load(chain.id)).toMatchObject({ phase: "running", purgeAt: null });
  expect(await statusOf(plane, chain, "hub-0")).toMatchObject({
    genesisHash: before.genesisHash,
    topics: ["orders"],
    seeds: 1,
  });
});

test("a deleted standard chain is purged after its window, and not before", async () => {
  const chain = await running({ plan: "standard" });
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  plane.clock.advance(86_400_000 - 660_000);
  await runFor(plane, 60_000);
  expect((await load(chain.id)).phase).toBe("deleted");
  expect(await plane.client.material.count({ where: { chainId: chain.id } })).toBe(5);
  await runFor(plane, 700_000);
  expect((await load(chain.id)).phase).toBe("purged");
  expect(await lastOperation(plane, chain)).toMatchObject({
    kind: "chain.purge",
    state: "succeeded",
    actorType: "system",
  });
  expect(await plane.client.material.count({ where: { chainId: chain.id } })).toBe(0);
});

test("a killed node comes back, its data with it, and its route gets a new version", async () => {
  const chain = await running();
  const before = (await plane.edge.snapshot("east")).routes[0];
  plane.machines.kill(chain.placements.get("east") ?? "", "hub-0");
  let closedBefore: string | undefined;
  plane.watch.gate = async (name) => {
    if (name === "start.before") closedBefore = (await plane.edge.snapshot("east")).routes[0]?.state;
  };
  await runFor(plane, 60_000);
  plane.watch.gate = null;
  expect(closedBefore).toBe("unhealthy");
  expect(runningNodes(plane, chain)).toEqual(allNodes);
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 2, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
  const after = (await plane.edge.snapshot("east")).routes[0];
  expect(after).toMatchObject({ state: "open", facts: { "incarnation.hub-0": "2" } });
  expect(Number(after?.version)).toBeGreaterThan(Number(before?.version) + 1);
  expect((await load(chain.id)).phase).toBe("running");
});

test("a route that was closed for a start is not opened by a coordinator that has not seen it", async () => {
  const chain = await running();
  plane.machines.kill(chain.placements.get("east") ?? "", "hub-0");
  const states: (string | undefined)[] = [];
  const other = plane.worker();
  plane.watch.gate = async (name) => {
    if (name !== "start.before") return;
    // The old report still says that the node is well.
    await other.coordinate(chain.id);
    states.push((await plane.edge.snapshot("east")).routes[0]?.state);
  };
  await runFor(plane, 60_000);
  plane.watch.gate = null;
  expect(states).toEqual(["unhealthy"]);
  expect((await plane.edge.snapshot("east")).routes[0]?.state).toBe("open");
});
