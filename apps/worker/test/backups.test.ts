import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { createBackupRemover } from "../src/loops/remove-backups.ts";
import { crashEverywhere } from "./support/crash-loop.ts";
import { clearPlane, fakePlane, runningNodes } from "./support/fake-plane.ts";
import { runDue, runFor, settle } from "./support/settle.ts";
import { changeChain, changeTopic, lastOperation, operationsOf, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
const settings = { leaves: 2 };
const wanted = ["hub-0", "leaf-0", "leaf-1"];
const longMs = 900_000;
const dayMs = 86_400_000;

const fresh = async (options: Parameters<typeof wishChain>[1] = {}): Promise<TestChain> => {
  await clearPlane(plane);
  const chain = await wishChain(plane, { settings, ...options });
  await settle(plane);
  return chain;
};

const nodesOf = (chain: TestChain) =>
  [...chain.placements.values()].flatMap((id) => [...(plane.machines.placements.get(id)?.instances.values() ?? [])]);
/** What every node has on its disk that no wish says. */
const heights = (chain: TestChain): number[] => [...new Set(nodesOf(chain).map(({ node }) => node.status().height))];
const grow = (chain: TestChain): void => {
  for (const { node } of nodesOf(chain)) node.answer("x");
};

const askBackup = async (chain: TestChain, wish: "running" | "paused" = "running"): Promise<string> => {
  plane.clock.advance(1);
  const backupId = plane.ids.next("backup");
  expect(await changeChain(plane, chain, { kind: "chain.backup", wish, backupId })).not.toBeNull();
  return backupId;
};
const askRestore = (chain: TestChain, backupId: string) =>
  changeChain(plane, chain, { kind: "chain.restore", wish: "running", backupId });
const backupOf = (id: string) => plane.client.backup.findUniqueOrThrow({ where: { id } });
const chainOf = (chain: TestChain) => plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } });
const copiesOf = (id: string) => [...plane.machines.snapshots.keys()].filter((key) => key.startsWith(`${id}/`));
const remove = createBackupRemover({
  centre: plane.centre,
  regions: plane.regions,
  runtimeFor: () => ({
    removeSnapshot: async (placementId, _store, name) => {
      plane.machines.snapshots.delete(`${name}/${placementId}`);
    },
  }),
  backups: { kind: "directory", path: "/nowhere" },
  log: { warn: (fields: unknown) => expect.fail(JSON.stringify(fields)) },
});

test("a copy is taken of all regions with every node of the chain stopped, and they run again", async () => {
  const chain = await fresh();
  grow(chain);
  const id = await askBackup(chain);
  const seen: { running: string[]; route: unknown; conditions: unknown }[] = [];
  plane.watch.gate = async (at) => {
    if (at !== "snapshot.copy") return;
    const { route, conditions } = await chainOf(chain);
    seen.push({ running: runningNodes(plane, chain), route, conditions });
  };
  await settle(plane);
  plane.watch.gate = null;
  expect(seen).toHaveLength(2);
  for (const { running, route, conditions } of seen) {
    expect(running).toEqual([]);
    expect(route).toMatchObject({ state: "starting", targets: {}, reason: expect.stringContaining("copied") });
    expect(conditions).toContainEqual(expect.objectContaining({ type: "nodesReady", reason: "backing_up" }));
  }
  const backup = await backupOf(id);
  expect(backup).toMatchObject({ state: "ready", error: null, sizeBytes: 3n * 1_048_576n });
  expect(backup.copies).toHaveLength(2);
  expect(copiesOf(id)).toHaveLength(2);
  expect(runningNodes(plane, chain)).toEqual(wanted);
  const operation = await lastOperation(plane, chain);
  expect(operation).toMatchObject({ kind: "chain.backup", state: "succeeded" });
  expect(operation.steps.map(({ key, state }) => [key, state])).toEqual(
    ["stop", "copy", "material", "nodes", "network", "endpoint"].map((key) => [key, "succeeded"]),
  );
  expect(await chainOf(chain)).toMatchObject({ phase: "running", route: { state: "open" } });
});

test("restoring brings the data back, and that of a node the backup has not goes", async () => {
  const chain = await fresh();
  grow(chain);
  const id = await askBackup(chain);
  await settle(plane);
  grow(chain);
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { leaves: 3 } });
  await settle(plane);
  grow(chain);
  await askRestore(chain, id);
  await settle(plane);
  // The wish stays as it is: the node that came later starts from nothing, the others from the backup.
  expect(runningNodes(plane, chain)).toEqual([...wanted, "leaf-2"]);
  expect(
    nodesOf(chain)
      .map(({ node }) => [node.status().node, node.status().height])
      .sort(),
  ).toEqual([
    ["hub-0", 1],
    ["leaf-0", 1],
    ["leaf-1", 1],
    ["leaf-2", 0],
  ]);
  const operation = await lastOperation(plane, chain);
  expect(operation).toMatchObject({ kind: "chain.restore", state: "succeeded" });
  expect(operation.steps.slice(0, 3).map(({ key, state }) => [key, state])).toEqual(
    ["stop", "verify", "replace"].map((key) => [key, "succeeded"]),
  );
  expect(await chainOf(chain)).toMatchObject({ phase: "running", restoreBackupId: null });
  // Once, and never again.
  grow(chain);
  await runFor(plane, 120_000);
  expect(heights(chain)).toEqual([2, 1]);
});

test("parts stay as they are wished: made anew where the backup lacks them, gone where it still has them", async () => {
  const chain = await fresh();
  await changeTopic(plane, chain, { name: "old", kind: "create" });
  await settle(plane);
  const id = await askBackup(chain);
  await settle(plane);
  await changeTopic(plane, chain, { name: "old", kind: "delete" });
  await changeTopic(plane, chain, { name: "new", kind: "create", settings: { retentionHours: 7 } });
  await settle(plane);
  await askRestore(chain, id);
  await settle(plane);
  for (const { node } of nodesOf(chain)) expect(node.status().retention).toEqual({ new: 7 });
  expect((await lastOperation(plane, chain)).state).toBe("succeeded");
});

test("a paused chain is backed up without being started, and a deleted one is restored inside its window", async () => {
  const chain = await fresh({ plan: "standard" });
  grow(chain);
  await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
  await settle(plane);
  const starts = plane.machines.starts.length;
  const id = await askBackup(chain, "paused");
  await settle(plane);
  expect((await lastOperation(plane, chain)).state).toBe("succeeded");
  expect(plane.machines.starts).toHaveLength(starts);
  expect(await backupOf(id)).toMatchObject({ state: "ready" });
  await changeChain(plane, chain, { kind: "chain.resume", wish: "running" });
  await settle(plane);
  grow(chain);
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  // The machines lost everything meanwhile.
  plane.machines.placements.clear();
  await askRestore(chain, id);
  await settle(plane);
  expect(runningNodes(plane, chain)).toEqual(wanted);
  expect(heights(chain)).toEqual([1]);
  expect(await chainOf(chain)).toMatchObject({ phase: "running", purgeAt: null, deletedAt: null });
});

test("a damaged copy is refused before anything is replaced, in whatever region, and the chain is as it was", async () => {
  const chain = await fresh({ plan: "standard" });
  const id = await askBackup(chain);
  await settle(plane);
  grow(chain);
  const [, last] = copiesOf(id);
  const copy = plane.machines.snapshots.get(last ?? "");
  if (copy !== undefined) copy.isDamaged = true;
  await askRestore(chain, id);
  await settle(plane);
  const operation = await lastOperation(plane, chain);
  expect(operation).toMatchObject({ state: "failed", error: { code: "backup.damaged" } });
  expect(operation.steps.map(({ key, state }) => [key, state]).slice(0, 3)).toEqual([
    ["stop", "succeeded"],
    ["verify", "failed"],
    ["replace", "skipped"],
  ]);
  expect(runningNodes(plane, chain)).toEqual(wanted);
  expect(heights(chain)).toEqual([1]);
  expect(await chainOf(chain)).toMatchObject({ phase: "running", restoreBackupId: null });

  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  const before = await chainOf(chain);
  await askRestore(chain, id);
  await settle(plane);
  expect((await lastOperation(plane, chain)).state).toBe("failed");
  expect(runningNodes(plane, chain)).toEqual([]);
  const { deletedAt, purgeAt } = before;
  expect(await chainOf(chain)).toMatchObject({ wish: "deleted", phase: "deleted", deletedAt, purgeAt });
});

test("a copy that can't be taken fails with its reason, leaves nothing, and the nodes run again", async () => {
  const chain = await fresh();
  plane.machines.snapshotFailure = new DomainError({
    code: "backup.too_large",
    message: "No room.",
    hint: "Make some.",
  });
  const id = await askBackup(chain);
  await settle(plane);
  expect(await lastOperation(plane, chain)).toMatchObject({
    state: "failed",
    error: { code: "backup.too_large", hint: "Make some." },
  });
  expect(await backupOf(id)).toMatchObject({ state: "failed", error: { code: "backup.too_large" }, copies: [] });
  expect(runningNodes(plane, chain)).toEqual(wanted);

  // What might pass is tried for a while, not forever: the nodes stand still meanwhile.
  plane.machines.snapshotFailure = new DomainError({ code: "runtime.failed", message: "Hm.", retryable: true });
  const other = await askBackup(chain);
  const began = plane.clock.now().getTime();
  await settle(plane);
  expect(plane.clock.now().getTime() - began).toBeLessThan(400_000);
  expect(await backupOf(other)).toMatchObject({ state: "failed", error: { code: "runtime.failed" } });
  expect(runningNodes(plane, chain)).toEqual(wanted);
});

test("a delete in the middle of a restore leaves no mixture: what was begun goes on when the chain comes back", async () => {
  const chain = await fresh({ plan: "standard" });
  grow(chain);
  const id = await askBackup(chain);
  await settle(plane);
  grow(chain);
  await askRestore(chain, id);
  let replaced = 0;
  plane.watch.gate = async (at) => {
    if (at !== "snapshot.restore" || replaced++ === 0) return;
    throw new Error("the second region's machine goes away");
  };
  const worker = plane.worker();
  for (let turn = 0; turn < 100 && replaced < 2; turn++) {
    if (!(await runDue(plane, worker))) plane.clock.advance(1_000);
  }
  expect(replaced).toBeGreaterThanOrEqual(2);
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  plane.watch.gate = null;
  await settle(plane);
  expect(await chainOf(chain)).toMatchObject({ phase: "deleted", restoreBackupId: id });
  await changeChain(plane, chain, { kind: "chain.restore", wish: "running" });
  await settle(plane);
  expect(heights(chain)).toEqual([1]);
  expect(await chainOf(chain)).toMatchObject({ phase: "running", restoreBackupId: null });
});

test("a delete takes a backup's place, and a purge takes the copies with the keys", async () => {
  const chain = await fresh({ plan: "standard" });
  const kept = await askBackup(chain);
  await settle(plane);
  const id = await askBackup(chain);
  await runDue(plane, plane.worker());
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  expect(await backupOf(id)).toMatchObject({ state: "failed" });
  expect(await backupOf(kept)).toMatchObject({ state: "ready" });
  expect((await operationsOf(plane, chain)).map(({ kind, state }) => [kind, state]).slice(-2)).toEqual([
    ["chain.backup", "cancelled"],
    ["chain.delete", "succeeded"],
  ]);
  await runFor(plane, dayMs + 60_000);
  expect(await chainOf(chain)).toMatchObject({ phase: "purged" });
  expect(await backupOf(kept)).toMatchObject({ state: "deleted", removedAt: null });
  expect(copiesOf(kept)).toHaveLength(2);
  await remove();
  expect(copiesOf(kept)).toEqual([]);
  expect((await backupOf(kept)).removedAt).not.toBeNull();
  expect((await backupOf(id)).removedAt).not.toBeNull();
});

test("backup: a worker may die at any place", { timeout: longMs }, async () => {
  let chain: TestChain | null = null;
  let id = "";
  const places = await crashEverywhere(
    plane,
    {
      wish: async () => {
        chain ??= await fresh();
        id = await askBackup(chain);
        return chain;
      },
      check: async (backedUp, at) => {
        expect((await lastOperation(plane, backedUp)).state, at).toBe("succeeded");
        const { state, copies } = await backupOf(id);
        expect([state, (copies as unknown[]).length], at).toEqual(["ready", 2]);
        expect(copiesOf(id), at).toHaveLength(2);
      },
    },
    5,
  );
  expect(places).toBeGreaterThan(8);
});

test("restore: a worker may die at any place, and it is restored whole", { timeout: longMs }, async () => {
  const chain = await fresh();
  grow(chain);
  const id = await askBackup(chain);
  await settle(plane);
  const places = await crashEverywhere(
    plane,
    {
      wish: async () => {
        grow(chain);
        plane.clock.advance(1);
        await askRestore(chain, id);
        return chain;
      },
      check: async (restored, at) => {
        expect((await lastOperation(plane, restored)).state, at).toBe("succeeded");
        expect(heights(restored), at).toEqual([1]);
      },
    },
    5,
  );
  expect(places).toBeGreaterThan(8);
});
