import { verify } from "node:crypto";
import { createWorkerKeys } from "@portolan/custody";
import { canonicalJson } from "@portolan/domain";
import { createLogger } from "@portolan/kit";
import { auditHash, meterStorage, sealAudit } from "@portolan/store";
import { createFakeRuntime } from "@portolan/testing";
import { afterEach, expect, test } from "vitest";
import { createLogAnswerer } from "../src/loops/answer-logs.ts";
import { steadyMs } from "../src/reconcile/decide.ts";
import { clearPlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { leaseMs } from "./support/plane.ts";
import { runFor, settle } from "./support/settle.ts";
import { changeChain, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
afterEach(() => clearPlane(plane));

const load = (id: string) => plane.client.chain.findUniqueOrThrow({ where: { id } });

const usage = async (chain: TestChain, sku: string): Promise<number> => {
  const rows = await plane.client.usageHourly.findMany({ where: { subjectId: chain.id, sku } });
  return rows.reduce((sum, row) => sum + Number(row.quantity), 0);
};

test("running time is billed once, second by second, and not a second of rest", async () => {
  const chain = await wishChain(plane, { plan: "standard" });
  await settle(plane);
  const start = plane.clock.now().getTime();
  await runFor(plane, 7_200_000 / 8);
  await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
  await settle(plane);
  const seconds = Math.floor((plane.clock.now().getTime() - start) / 1_000);
  const billed = await usage(chain, "node.fake.standard.hub");
  // From the last look before the pause on nobody saw it running.
  expect(billed).toBeLessThanOrEqual(seconds);
  expect(billed).toBeGreaterThan(seconds - 20);
  expect(await usage(chain, "node.fake.standard.leaf")).toBeLessThanOrEqual(3 * seconds);
  await runFor(plane, 3_600_000);
  expect(await usage(chain, "node.fake.standard.hub")).toBe(billed);
});

test("a silence in which the node was started again is not billed, one in which it ran on is", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  await runFor(plane, 60_000);
  const before = await usage(chain, "node.fake.dev.hub");
  plane.clock.advance(1_800_000);
  await runFor(plane, 1_000);
  const ran = await usage(chain, "node.fake.dev.hub");
  expect(ran - before).toBeGreaterThanOrEqual(1_800);
  plane.clock.advance(1_800_000);
  plane.machines.kill(chain.placements.get("east") ?? "", "hub-0");
  await runFor(plane, 20_000);
  expect((await usage(chain, "node.fake.dev.hub")) - ran).toBeLessThanOrEqual(36);
});

test("storage is metered once an hour, also for hours in which nobody looked", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  plane.clock.advance(3 * 3_600_000);
  await Promise.all([meterStorage(plane), meterStorage(plane)]);
  await meterStorage(plane);
  // Four nodes of one MiB each, from the first full hour on.
  expect(await usage(chain, "storage.standard")).toBe(4 * 2);
  plane.clock.advance(3_600_000);
  await meterStorage(plane);
  expect(await usage(chain, "storage.standard")).toBe(4 * 3);
});

test("a silent region is unknown, not gone: nothing is deleted or made again", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  const east = plane.worker(undefined, { regions: ["east"] });
  const before = startCounts(plane, chain);
  await runFor(plane, 180_000, {
    coordinate: east.coordinate,
    // The other region's worker is away: nobody claims its placement.
    reconcile: async (id) => (id === chain.placements.get("west") ? away(id) : east.reconcile(id)),
  });
  const row = await load(chain.id);
  expect(row.phase).toBe("degraded");
  expect(row.conditions).toContainEqual(
    expect.objectContaining({ type: "nodesReady", status: "unknown", reason: "region_unreachable" }),
  );
  expect((await plane.edge.snapshot("east")).routes[0]?.state).toBe("open");
  expect(startCounts(plane, chain)).toEqual(before);
  expect(runningNodes(plane, chain)).toHaveLength(4);
  await runFor(plane, 60_000);
  expect((await load(chain.id)).phase).toBe("running");
});

/** Stands for a region that can't be reached: its row only waits. */
const away = async (id: string): Promise<string> => {
  const nextAt = new Date(plane.clock.now().getTime() + 60_000);
  await plane.client.placement.update({ where: { id }, data: { nextAt } });
  return "away";
};

test("a suspicion closes the route until a look that began after it, and then gives it a new version", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  await runFor(plane, 5_000);
  const before = (await plane.edge.snapshot("east")).routes[0];
  // A look is under way when the suspicion comes: what it saw is older.
  let isSuspected = false;
  const worker = plane.worker(async (name) => {
    if (name !== "before centre.report" || isSuspected) return;
    isSuspected = true;
    await plane.edge.wake(chain.id, "suspect");
  });
  await worker.reconcile(chain.placements.get("east") ?? "");
  await plane.worker().coordinate(chain.id);
  expect((await plane.edge.snapshot("east")).routes[0]?.state).toBe("unhealthy");
  await runFor(plane, 40_000);
  const after = (await plane.edge.snapshot("east")).routes[0];
  expect(after?.state).toBe("open");
  expect(Number(after?.version)).toBeGreaterThan(Number(before?.version) + 1);
  expect(startCounts(plane, chain)["hub-0"]).toBe(1);
});

test("a chain whose orders a worker has is not looked at over and over: the report wakes it", async () => {
  const chain = await wishChain(plane);
  const coordinator = plane.worker();
  for (let pass = 0; pass < 3; pass++) {
    await coordinator.coordinate(chain.id);
    expect((await load(chain.id)).nextAt).toEqual(new Date(plane.clock.now().getTime() + steadyMs));
  }
  await plane.worker().reconcile(chain.placements.get("east") ?? "");
  expect((await load(chain.id)).nextAt).toEqual(plane.clock.now());
});

test("a worker with a stale fence is refused by the database and by the machines", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  const placementId = chain.placements.get("east") ?? "";
  const stale = await plane.centre.claim(placementId, { id: "one", leaseMs });
  plane.clock.advance(leaseMs + 1);
  const fresh = await plane.centre.claim(placementId, { id: "two", leaseMs });
  if (stale === null || fresh === null) throw new Error("the placement could not be claimed");
  expect(fresh.fence).toBeGreaterThan(stale.fence);
  const { fence } = stale;
  const ref = { placementId, chainId: chain.id, tenantId: chain.tenantId, region: "east" };
  const observation = { nodes: [], volumes: [] };
  const report = { placementId, fence, generation: stale.generation, observation, view: null, stepResults: [] };
  const refused = { fenced: true };
  expect(await plane.centre.report({ ...report, isReached: true, nextAt: plane.clock.now() })).toEqual(refused);
  expect(await plane.centre.reportAddresses(placementId, fence, [])).toEqual(refused);
  expect(await plane.centre.reportDown(placementId, fence, ["hub-0"])).toEqual(refused);
  expect(await plane.centre.secrets(placementId, fence, [], "key")).toEqual(refused);
  expect(await plane.centre.sign(placementId, fence, "authority/root", new Uint8Array())).toEqual(refused);
  expect(await plane.centre.renew([stale, fresh], leaseMs)).toEqual({ lost: [stale] });
  const runtime = createFakeRuntime({ machines: plane.machines, clock: plane.clock });
  await runtime.reserve(ref, [], fresh.fence);
  await expect(runtime.stop(ref, fence)).rejects.toMatchObject({ code: "runtime.fence_stale" });
  await plane.centre.release(placementId, fence);
  expect((await plane.client.placement.findUniqueOrThrow({ where: { id: placementId } })).leaseOwner).toBe("two");
  expect(runningNodes(plane, chain)).toHaveLength(4);
});

test("a region gets the secrets of its own nodes only", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  await runFor(plane, leaseMs);
  const claim = await plane.centre.claim(chain.placements.get("west") ?? "", { id: "west", leaseMs });
  if (claim === null) throw new Error("the placement could not be claimed");
  const refs = ["leaf-1", "hub-0"].map((node) => ({ material: `certificate/${node}`, version: 1 }));
  const answer = await plane.centre.secrets(claim.placementId, claim.fence, refs, createWorkerKeys().publicKey);
  expect(answer.fenced === false && answer.secrets.map(({ ref }) => ref.material)).toEqual(["certificate/leaf-1"]);
});

test("audit rows are chained from the first on, and the last is signed", async () => {
  const tenantId = plane.ids.next("tenant");
  const row = (seq: bigint) => ({
    id: plane.ids.next("auditEvent"),
    tenantId,
    seq,
    actorType: "user",
    actorId: "usr_1",
    action: "chain.create",
    targetType: "chain",
    targetId: "chn_1",
    detail: { seq: Number(seq) },
    createdAt: plane.clock.now(),
  });
  // The third has not committed yet: the fourth has to wait for it.
  await plane.client.auditEvent.createMany({ data: [row(1n), row(2n), row(4n)] });
  const signer = plane.signerFor({ tenantId: "plane", chainId: "audit" });
  const { publicKey } = await signer.createKey("audit-checkpoint", "ed25519");
  const seal = () =>
    sealAudit({
      ...plane,
      sign: async (data) => ({ signature: await signer.sign("audit-checkpoint", data), keyRef: "audit-checkpoint" }),
    });
  expect(await seal()).toBe(2);
  await plane.client.auditEvent.createMany({ data: [row(3n)] });
  const counts = await Promise.all([seal(), seal()]);
  expect(counts.reduce((sum, count) => sum + count)).toBe(2);
  const rows = await plane.client.auditEvent.findMany({ where: { tenantId }, orderBy: { seq: "asc" } });
  let previous = "0".repeat(64);
  for (const { hash, previousHash, ...event } of rows) {
    expect(previousHash).toBe(previous);
    expect(hash).toBe(auditHash(event, previous));
    previous = hash ?? "";
  }
  const checkpoints = await plane.client.auditCheckpoint.findMany({ where: { tenantId }, orderBy: { seq: "asc" } });
  expect(checkpoints.map(({ seq, hash }) => [seq, hash])).toEqual([
    [2n, rows[1]?.hash],
    [4n, rows[3]?.hash],
  ]);
  const text = canonicalJson({ tenantId, seq: "4", hash: rows[3]?.hash });
  const signature = Buffer.from(checkpoints[1]?.signature ?? "", "base64");
  expect(verify(null, Buffer.from(text), publicKey, signature)).toBe(true);
});

test("a request for log lines is answered by the worker of its region, once", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  const placementId = chain.placements.get("west") ?? "";
  const id = plane.ids.nextWith("log");
  const { tenantId } = chain;
  await plane.client.logRequest.create({
    data: { id, tenantId, placementId, region: "west", node: "leaf-1", limit: 1, createdAt: plane.clock.now() },
  });
  const runtime = createFakeRuntime({ machines: plane.machines, clock: plane.clock });
  const log = createLogger({ name: "test", level: "silent" });
  const answerer = (region: string) =>
    createLogAnswerer({ centre: plane.centre, regions: [region], runtimeFor: () => runtime, clock: plane.clock, log });
  await answerer("east")();
  expect((await plane.client.logRequest.findUniqueOrThrow({ where: { id } })).answeredAt).toBeNull();
  await answerer("west")();
  const row = await plane.client.logRequest.findUniqueOrThrow({ where: { id } });
  expect(row.lines).toEqual([expect.objectContaining({ process: "node", line: "ready" })]);
  expect(await plane.centre.logRequests(["west"])).toEqual([]);
});
