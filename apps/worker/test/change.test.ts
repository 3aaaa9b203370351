import { chainWishes, inTransaction, operationRepository } from "@portolan/store";
import { afterEach, expect, test } from "vitest";
import { clearPlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { runFor, settle } from "./support/settle.ts";
import { changeChain, lastOperation, operationsOf, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
afterEach(() => clearPlane(plane));

const load = (id: string) => plane.client.chain.findUniqueOrThrow({ where: { id } });
const dayMs = 86_400_000;

const watchRunning = (chain: Parameters<typeof runningNodes>[1]) => {
  const seen: string[][] = [];
  plane.watch.gate = async () => {
    seen.push(runningNodes(plane, chain));
  };
  return seen;
};

test("a changed setting is rolled out one node at a time, and never are two down", async () => {
  plane.machines.startupMs = 2_000;
  const chain = await wishChain(plane);
  await settle(plane);
  const seen = watchRunning(chain);
  const order: string[] = [];
  const before = plane.machines.starts.length;
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { greeting: "hi" } });
  await settle(plane);
  plane.watch.gate = null;
  order.push(...plane.machines.starts.slice(before).map((start) => start.split("/")[1] ?? ""));
  expect(seen.filter((nodes) => nodes.length < 4).length).toBeGreaterThan(0);
  expect(Math.min(...seen.map((nodes) => nodes.length))).toBe(3);
  expect(order.sort()).toEqual(["hub-0", "leaf-0", "leaf-1", "leaf-2"]);
  expect((await lastOperation(plane, chain)).state).toBe("succeeded");
  // No start before the one before it answered.
  const times = [...chain.placements.values()]
    .flatMap((id) => [...(plane.machines.placements.get(id)?.instances.values() ?? [])])
    .map((instance) => Date.parse(instance.startedAt))
    .sort((a, b) => a - b);
  for (const [index, time] of times.slice(1).entries())
    expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(2_000);
});

test("the node that is changed gets no calls until it is well again", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  const targets: (string | undefined)[] = [];
  plane.watch.gate = async (name) => {
    if (name === "start.before" && runningNodes(plane, chain).includes("hub-0") === false) {
      targets.push((await plane.edge.snapshot("east")).routes[0]?.targets["stream"]?.[0]?.node);
    }
  };
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { greeting: "hi" } });
  await settle(plane);
  plane.watch.gate = null;
  expect(targets).toEqual([undefined]);
});

test("another leaf joins without touching the nodes that run", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  const states: (string | undefined)[] = [];
  plane.watch.gate = async () => {
    states.push((await plane.edge.snapshot("east")).routes[0]?.state);
  };
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { leaves: 4 } });
  await settle(plane);
  plane.watch.gate = null;
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1, "leaf-3": 1 });
  expect(new Set(states)).toEqual(new Set(["open"]));
  expect((await load(chain.id)).phase).toBe("running");
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { leaves: 2 } });
  await settle(plane);
  expect(runningNodes(plane, chain)).toEqual(["hub-0", "leaf-0", "leaf-1"]);
  expect((await load(chain.id)).phase).toBe("running");
});

test("a cancelled change goes back to what runs, and says so", async () => {
  const chain = await wishChain(plane, { settings: { leaves: 3 } });
  await settle(plane);
  plane.machines.startupMs = 3_600_000;
  const update = await changeChain(plane, chain, {
    ...{ kind: "chain.update", wish: "running", settings: { leaves: 4 } },
  });
  const worker = plane.worker();
  await settle(plane, worker, async () => runningNodes(plane, chain).includes("leaf-3"));
  plane.machines.startupMs = 0;
  await inTransaction(plane.client, async (transaction) => {
    const { tenantId, id } = chain;
    await chainWishes.lock(transaction, tenantId, id);
    const live = await operationRepository.live(transaction, tenantId, id);
    if (live === null) throw new Error("no operation to cancel");
    await chainWishes.describe(transaction, {
      ...{ tenantId, id, name: "chain", settings: { leaves: 3 } },
      ...{ version: "1.0.0", plan: "dev" },
    });
    const now = plane.clock.now();
    const wish = { tenantId, id, wish: "running" as const, now, deletedAt: null, purgeAt: null };
    const { generation } = await chainWishes.wish(transaction, wish);
    await operationRepository.markCancelling(transaction, live, generation);
  });
  await settle(plane, worker);
  expect(await lastOperation(plane, chain)).toMatchObject({ id: update, state: "cancelled", error: null });
  expect(runningNodes(plane, chain)).toEqual(["hub-0", "leaf-0", "leaf-1", "leaf-2"]);
  expect((await load(chain.id)).phase).toBe("running");
  expect(startCounts(plane, chain)).toMatchObject({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
});

test("a certificate that is due is renewed by an operation of the system's own, node by node", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  plane.clock.advance(19 * dayMs);
  await runFor(plane, 60_000);
  expect((await operationsOf(plane, chain)).map(({ kind }) => kind)).toEqual(["chain.create"]);
  plane.clock.advance(2 * dayMs);
  const seen = watchRunning(chain);
  await settle(plane);
  plane.watch.gate = null;
  expect(Math.min(...seen.map((nodes) => nodes.length))).toBe(3);
  expect(await lastOperation(plane, chain)).toMatchObject({
    kind: "chain.renew",
    state: "succeeded",
    actorType: "system",
  });
  const versions = await plane.client.material.findMany({ where: { chainId: chain.id, name: "certificate/leaf-1" } });
  expect(versions.map((row) => row.version).sort()).toEqual([1, 2]);
  expect(await plane.client.material.count({ where: { chainId: chain.id, name: "genesis" } })).toBe(1);
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 2, "leaf-0": 2, "leaf-1": 2, "leaf-2": 2 });
});

test("a renewal waits while another operation holds the chain", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  plane.clock.advance(25 * dayMs);
  plane.machines.missingPrograms.add("node");
  const settings = { greeting: "hi" };
  const update = await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings });
  await settle(plane);
  const held = await operationsOf(plane, chain);
  expect(held.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    "chain.create succeeded",
    "chain.update needsAttention",
  ]);
  expect(await plane.client.material.count({ where: { chainId: chain.id, version: 2 } })).toBe(0);
  plane.machines.missingPrograms.clear();
  await runFor(plane, 300_000);
  const after = await operationsOf(plane, chain);
  expect(after.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    "chain.create succeeded",
    "chain.update succeeded",
    "chain.renew succeeded",
  ]);
  expect(after[1]?.id).toBe(update);
  const renewed = await plane.client.material.findFirst({ where: { chainId: chain.id, version: 2 } });
  expect(renewed?.createdAt.getTime()).toBeGreaterThan(0);
});

test("a region that nothing is wanted in any more is emptied", async () => {
  const chain = await wishChain(plane, { settings: { leaves: 2 } });
  await settle(plane);
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { leaves: 1 } });
  await settle(plane);
  expect(runningNodes(plane, chain)).toEqual(["hub-0", "leaf-0"]);
  expect(await load(chain.id)).toMatchObject({ phase: "running" });
});

test("what only a new release writes differently restarts nothing; a node that dies comes back as it now is written", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  plane.renderer.version = 2;
  await runFor(plane, 120_000);
  const once = { "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 };
  expect(startCounts(plane, chain)).toEqual(once);
  expect(await load(chain.id)).toMatchObject({ phase: "running" });
  plane.machines.kill(chain.placements.get("west") ?? "", "leaf-1");
  await runFor(plane, 60_000);
  expect(startCounts(plane, chain)).toEqual({ ...once, "leaf-1": 2 });
  const leaf = plane.machines.placements.get(chain.placements.get("west") ?? "")?.instances.get("leaf-1");
  expect(leaf?.rendererVersion).toBe(2);
  expect(await load(chain.id)).toMatchObject({ phase: "running" });
});

test("what only a new release writes differently is rolled node by node once a change of the chain is asked for", async () => {
  plane.machines.startupMs = 2_000;
  const chain = await wishChain(plane);
  await settle(plane);
  plane.renderer.version = 2;
  await runFor(plane, 120_000);
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
  const seen = watchRunning(chain);
  // Any update asks for it, also one that changes no setting.
  await changeChain(plane, chain, { kind: "chain.update", wish: "running" });
  await settle(plane);
  plane.watch.gate = null;
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 2, "leaf-0": 2, "leaf-1": 2, "leaf-2": 2 });
  expect(Math.min(...seen.map((nodes) => nodes.length))).toBe(3);
  expect((await lastOperation(plane, chain)).state).toBe("succeeded");
});
