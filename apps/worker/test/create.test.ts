import { chainWishes, inTransaction, operationRepository } from "@portolan/store";
import { afterEach, expect, test } from "vitest";
import { clearPlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { runFor, settle } from "./support/settle.ts";
import { cancelCreate, changeChain, lastOperation, operationsOf, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
afterEach(() => clearPlane(plane));

const load = (id: string) => plane.client.chain.findUniqueOrThrow({ where: { id } });

test("a wish becomes a running chain in two regions, with the steps that a user sees", async () => {
  plane.machines.startupMs = 1_500;
  const chain = await wishChain(plane);
  await settle(plane);

  const row = await load(chain.id);
  expect(row).toMatchObject({ phase: "running", generation: 1, observedGeneration: 1, hasRun: true });
  expect(row.conditions).toMatchObject(
    ["materialReady", "nodesReady", "networkReady", "endpointReady"].map((type) => ({ type, status: "true" })),
  );
  const operation = await lastOperation(plane, chain);
  expect(operation).toMatchObject({ kind: "chain.create", state: "succeeded", progress: 1, error: null });
  expect(operation.steps.map(({ key, state }) => `${key} ${state}`)).toEqual([
    "material succeeded",
    "nodes succeeded",
    "network succeeded",
    "endpoint succeeded",
  ]);
  for (const step of operation.steps) {
    expect(Date.parse(step.endedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(step.startedAt ?? ""));
  }
  expect(runningNodes(plane, chain)).toEqual(["hub-0", "leaf-0", "leaf-1", "leaf-2"]);
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
  // hub-0, leaf-0 and leaf-2 in the first region, leaf-1 in the second.
  const east = chain.placements.get("east") ?? "";
  expect([...(plane.machines.placements.get(east)?.instances.keys() ?? [])].sort()).toEqual([
    "hub-0",
    "leaf-0",
    "leaf-2",
  ]);
});

test("the route names the node, its port and its start, and only once the endpoint is open", async () => {
  const chain = await wishChain(plane);
  const before = (await plane.edge.snapshot("east")).routes[0];
  expect(before).toMatchObject({ state: "starting", targets: {} });
  await settle(plane);
  const route = (await plane.edge.snapshot("east")).routes[0];
  const east = plane.machines.placements.get(chain.placements.get("east") ?? "");
  const port = east?.addresses.find((address) => address.node === "hub-0" && address.port === "stream")?.number;
  expect(route).toMatchObject({
    state: "open",
    targets: { stream: [{ region: "east", node: "hub-0", port: "stream", via: { host: "127.0.0.1", port } }] },
    facts: { "incarnation.hub-0": "1" },
  });
  expect(Number(route?.version)).toBeGreaterThan(Number(before?.version));
});

test("material is made once and sealed; nobody reads a node's key from the database", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  const rows = await plane.client.material.findMany({ where: { chainId: chain.id }, omit: { sealed: false } });
  expect(rows.map((row) => `${row.name}@${row.version}`).sort()).toEqual([
    "certificate/hub-0@1",
    "certificate/leaf-0@1",
    "certificate/leaf-1@1",
    "certificate/leaf-2@1",
    "genesis@1",
  ]);
  const sealed = rows.filter((row) => row.sealed !== null);
  expect(sealed).toHaveLength(4);
  const [first] = sealed;
  const context = { tenantId: chain.tenantId, chainId: chain.id, purpose: `material/${first?.name}`, version: 1 };
  const key = (await plane.custody.open(first?.sealed ?? new Uint8Array(), context)).toString("utf8");
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(Buffer.from(first?.sealed ?? []).includes(key)).toBe(false);
  const text = JSON.stringify(await plane.client.placement.findMany({ where: { chainId: chain.id } }), (_key, value) =>
    typeof value === "bigint" ? String(value) : value,
  );
  expect(text).not.toContain(key);
});

test("a cancelled create leaves nothing, and its operation ends as cancelled", async () => {
  plane.machines.startupMs = 3_600_000;
  const chain = await wishChain(plane);
  const worker = plane.worker();
  await settle(plane, worker, async () => runningNodes(plane, chain).length === 4);
  await cancelCreate(plane, chain);
  await settle(plane, worker);
  const operations = await operationsOf(plane, chain);
  expect(operations.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    "chain.create cancelled",
    "chain.purge succeeded",
  ]);
  expect(runningNodes(plane, chain)).toEqual([]);
  expect((await load(chain.id)).phase).toBe("purged");
});

test("a delete takes the place of a running create", async () => {
  plane.machines.startupMs = 3_600_000;
  const chain = await wishChain(plane);
  const worker = plane.worker();
  await settle(plane, worker, async () => runningNodes(plane, chain).length === 4);
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane, worker);
  const operations = await operationsOf(plane, chain);
  expect(operations.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    "chain.create cancelled",
    "chain.delete succeeded",
    "chain.purge succeeded",
  ]);
  expect(runningNodes(plane, chain)).toEqual([]);
});

test("a delete before anything was made needs no nodes to come first", async () => {
  const chain = await wishChain(plane);
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  expect((await load(chain.id)).phase).toBe("purged");
  expect(startCounts(plane, chain)).toEqual({});
});

test("a missing program needs attention with the way to get it, and heals by itself once it is there", async () => {
  plane.machines.missingPrograms.add("node");
  const chain = await wishChain(plane);
  await settle(plane);
  expect(await lastOperation(plane, chain)).toMatchObject({
    state: "needsAttention",
    error: { code: "framework.program_missing", hint: "Put node on the worker's PATH." },
  });
  expect((await load(chain.id)).conditions).toContainEqual(
    expect.objectContaining({ type: "nodesReady", status: "false", reason: "program_missing" }),
  );
  plane.machines.missingPrograms.clear();
  await settle(plane, plane.worker(), async () => (await lastOperation(plane, chain)).state === "succeeded");
  expect((await lastOperation(plane, chain)).error).toBeNull();
  expect((await load(chain.id)).phase).toBe("running");
});

test("an operation that does not get on says so after its patience", async () => {
  plane.machines.startupMs = 3_600_000;
  const chain = await wishChain(plane);
  await settle(plane);
  const operation = await lastOperation(plane, chain);
  expect(operation).toMatchObject({ state: "needsAttention", error: { code: "step.timed_out", retryable: true } });
  expect(operation.error?.hint).toBeTruthy();
  expect(plane.clock.now().getTime() - (operation.startedAt?.getTime() ?? 0)).toBeLessThan(400_000);
});

test("a retry gives an operation its whole patience again", async () => {
  plane.machines.startupMs = 3_600_000;
  const chain = await wishChain(plane);
  await settle(plane);
  const stuck = await lastOperation(plane, chain);
  expect(stuck.state).toBe("needsAttention");
  await inTransaction(plane.client, async (transaction) => {
    await operationRepository.markRetried(transaction, chain.tenantId, stuck.id);
    await chainWishes.nudge(transaction, chain.tenantId, chain.id, plane.clock.now());
  });
  await runFor(plane, 60_000);
  expect((await lastOperation(plane, chain)).state).toBe("running");
});
