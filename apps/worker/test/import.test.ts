import { expect, test } from "vitest";
import { createBackupRemover } from "../src/loops/remove-backups.ts";
import { pack, unpack } from "./support/carry-over.ts";
import { crashEverywhere } from "./support/crash-loop.ts";
import { clearPlane, fakePlane, runningNodes } from "./support/fake-plane.ts";
import { Crash, crashAt } from "./support/intercept.ts";
import { runDue, runFor, settle } from "./support/settle.ts";
import { changeChain, changeTopic, lastOperation, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
const settings = { leaves: 2 };
const wanted = ["hub-0", "leaf-0", "leaf-1"];
const longMs = 300_000;

const nodesOf = (chain: TestChain) =>
  [...chain.placements.values()].flatMap((id) => [...(plane.machines.placements.get(id)?.instances.values() ?? [])]);
const heights = (chain: TestChain): number[] => [...new Set(nodesOf(chain).map(({ node }) => node.status().height))];
const grow = (chain: TestChain): void => {
  for (const { node } of nodesOf(chain)) node.answer("x");
};
const chainOf = (chain: TestChain) => plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } });
const addressesOf = async (chain: TestChain) =>
  (await plane.client.placement.findMany({ where: { chainId: chain.id }, orderBy: { id: "asc" } })).map(
    ({ id, addresses }) => [id, addresses],
  );
const operation = (id: string) =>
  plane.client.operation.findFirstOrThrow({ where: { targetId: id }, orderBy: { createdAt: "desc" } });

/** The database and the machines of another plane: nothing is there but what lies in the store. */
const moveAway = async (): Promise<void> => {
  const snapshots = new Map(plane.machines.snapshots);
  await clearPlane(plane);
  for (const [key, copy] of snapshots) plane.machines.snapshots.set(key, copy);
};

/** A chain with two heights, of which the backup has the first, ready to be carried. */
const carried = async (plan = "dev") => {
  await clearPlane(plane);
  const chain = await wishChain(plane, { settings, plan });
  await settle(plane);
  await changeTopic(plane, chain, { name: "kept", kind: "create", settings: { retentionHours: 7 } });
  await changeTopic(plane, chain, { name: "old", kind: "create" });
  await settle(plane);
  grow(chain);
  plane.clock.advance(1);
  const backupId = plane.ids.next("backup");
  await changeChain(plane, chain, { kind: "chain.backup", wish: "running", backupId });
  await settle(plane);
  await changeTopic(plane, chain, { name: "old", kind: "delete" });
  await settle(plane);
  grow(chain);
  const genesis = new Set(nodesOf(chain).map(({ node }) => node.status().genesisHash));
  const addresses = await addressesOf(chain);
  const content = await pack(plane, chain, backupId);
  await moveAway();
  return { chain, backupId, content, genesis, addresses };
};

test("a chain comes to life elsewhere: same ids, addresses, keys and parts, the data of the backup", async () => {
  const { chain, content, genesis, addresses, backupId } = await carried();
  // Somebody else's, with the serial that it had.
  await wishChain(plane, { settings });
  await settle(plane);
  const here = await unpack(plane, content);
  await settle(plane);
  expect(runningNodes(plane, here)).toEqual(wanted);
  expect(heights(here)).toEqual([1]);
  expect(new Set(nodesOf(here).map(({ node }) => node.status().genesisHash))).toEqual(genesis);
  expect(await addressesOf(here)).toEqual(addresses);
  // What was deleted since the backup is taken out of its data again.
  for (const { node } of nodesOf(here)) expect(node.status().retention).toEqual({ kept: 7 });
  const { state, steps, kind } = await lastOperation(plane, here);
  expect([kind, state]).toEqual(["chain.import", "succeeded"]);
  expect(steps.map(({ key, state: each }) => [key, each]).filter(([key]) => !key?.startsWith("step/"))).toEqual(
    ["stop", "verify", "replace", "material", "nodes", "network", "endpoint"].map((key) => [key, "succeeded"]),
  );
  const row = await chainOf(here);
  expect(row).toMatchObject({ id: chain.id, phase: "running", restoreBackupId: null, hasRun: true });
  expect(row.originSerial).toBe(content.row.serial);
  // Nothing was made anew: every item is the one that came along.
  const materials = await plane.client.material.count({ where: { chainId: here.id } });
  expect(materials).toBe(content.materials.length);
  // From here on it is a chain as any: its backup can be restored again.
  grow(here);
  await changeChain(plane, here, { kind: "chain.restore", wish: "running", backupId });
  await settle(plane);
  expect(heights(here)).toEqual([1]);
});

test("certificates that are due are renewed by the authority that came along", async () => {
  const { content } = await carried();
  const dueAt = content.materials.map(({ renewAt }) => renewAt?.getTime() ?? 0).sort((a, b) => b - a)[0] ?? 0;
  plane.clock.advance(dueAt - plane.clock.now().getTime() + 1);
  const here = await unpack(plane, content);
  await settle(plane);
  expect((await lastOperation(plane, here)).state).toBe("succeeded");
  const versions = await plane.client.material.findMany({ where: { chainId: here.id, name: "certificate/hub-0" } });
  expect(versions.map(({ version }) => version).sort()).toEqual([1, 2]);
  expect(runningNodes(plane, here)).toEqual(wanted);
});

test("what no framework renews is not due for ever, whatever a document says of it", async () => {
  const { content } = await carried();
  const [item] = content.materials;
  if (item === undefined) throw new Error("nothing came along");
  const strange = [-1, 3_600_000].map((inMs) => ({
    ...{ ...item, name: `strange/${inMs}`, renewAt: new Date(plane.clock.now().getTime() + inMs) },
  }));
  const here = await unpack(plane, { ...content, materials: [...content.materials, ...strange] });
  await settle(plane);
  const kinds = async () =>
    (await plane.client.operation.findMany({ where: { targetId: here.id }, orderBy: { createdAt: "asc" } })).map(
      ({ kind, state }) => `${kind} ${state}`,
    );
  expect(await kinds()).toEqual(["chain.import succeeded"]);
  await runFor(plane, 2 * 3_600_000);
  await settle(plane);
  expect(await kinds()).toEqual(["chain.import succeeded", "chain.renew succeeded"]);
  const due = await plane.client.material.findMany({ where: { chainId: here.id, name: { startsWith: "strange/" } } });
  expect(due.map(({ renewAt, version }) => [renewAt, version])).toEqual(strange.map(() => [null, item.version]));
  expect(runningNodes(plane, here)).toEqual(wanted);
});

test("its regions may have other names here", async () => {
  const { content } = await carried();
  const here = await unpack(plane, content, { regions: { east: "west", west: "east" } });
  await settle(plane);
  expect((await lastOperation(plane, here)).state).toBe("succeeded");
  expect(runningNodes(plane, here)).toEqual(wanted);
  expect(heights(here)).toEqual([1]);
});

const remove = createBackupRemover({
  centre: plane.centre,
  regions: plane.regions,
  runtimeFor: () => ({ removeSnapshot: (_placementId, _store, name) => expect.fail(`${name} was removed`) }),
  backups: { kind: "directory", path: "/nowhere" },
  log: { warn: (fields: unknown) => expect.fail(JSON.stringify(fields)) },
});

/** A name that no other chain of the plane may have, as the API takes it with the import. */
const takeName = ({ id, tenantId }: TestChain) =>
  plane.client.chainClaim.create({ data: { name: "evm-chain-id/424242", tenantId, chainId: id } });

/** Nothing of it is left, and the files that somebody brought are. */
const expectNothing = async (here: TestChain, stored: number) => {
  for (const table of [
    "placement",
    "part",
    "material",
    "authorityKey",
    "backup",
    "node",
    "chainEvent",
    "chainClaim",
  ] as const) {
    const count = (plane.client[table] as unknown as { count(query: object): Promise<number> }).count({
      where: { chainId: here.id },
    });
    expect(await count, table).toBe(0);
  }
  expect(await plane.client.chain.count({ where: { id: here.id } })).toBe(0);
  expect(runningNodes(plane, here)).toEqual([]);
  for (const id of here.placements.values()) {
    const left = plane.machines.placements.get(id);
    expect([left?.disks.size ?? 0, left?.addresses.length ?? 0]).toEqual([0, 0]);
  }
  await remove();
  expect(plane.machines.snapshots.size).toBe(stored);
};

test.each(["backup.missing", "backup.damaged", "address.taken"])(
  "%s: it fails with a hint, leaves nothing half made, and may be tried again",
  async (code) => {
    const { content, backupId } = await carried();
    const [, last = ""] = [...plane.machines.snapshots.keys()].filter((key) => key.startsWith(`${backupId}/`));
    const copy = plane.machines.snapshots.get(last);
    const other = await wishChain(plane, { settings });
    await settle(plane);
    const [blocking] = [...other.placements.values()].map((id) => plane.machines.placements.get(id)?.addresses[0]);
    const wished = content.placements.at(-1)?.addresses[0];
    const ownNumber = blocking?.number ?? 0;
    if (copy === undefined || blocking === undefined || wished === undefined) throw new Error("nothing to break");
    if (code === "backup.missing") plane.machines.snapshots.delete(last);
    if (code === "backup.damaged") copy.isDamaged = true;
    if (code === "address.taken") blocking.number = wished.number;
    const stored = plane.machines.snapshots.size;
    const here = await unpack(plane, content);
    await settle(plane);
    const failed = await operation(here.id);
    expect(failed).toMatchObject({ state: "failed", error: { code, hint: expect.any(String), retryable: false } });
    await expectNothing(here, stored);

    plane.machines.snapshots.set(last, copy);
    copy.isDamaged = false;
    blocking.number = ownNumber;
    plane.clock.advance(1_000);
    const again = await unpack(plane, content);
    await settle(plane);
    expect((await operation(again.id)).state).toBe("succeeded");
    expect(runningNodes(plane, again)).toEqual(wanted);
    expect(heights(again)).toEqual([1]);
  },
);

test("a document that says less of its copies than they have is refused: what they occupy is metered from it", async () => {
  const { content } = await carried();
  const copies = (content.backup.copies as { sizeBytes: number }[]).map((copy) => ({ ...copy, sizeBytes: 0 }));
  const stored = plane.machines.snapshots.size;
  const here = await unpack(plane, { ...content, backup: { ...content.backup, copies } });
  await settle(plane);
  expect(await operation(here.id)).toMatchObject({ state: "failed", error: { code: "backup.damaged" } });
  await expectNothing(here, stored);
});

test("what no framework can make a chain of is given up, and the id is free for the right document", async () => {
  const { content } = await carried();
  const stored = plane.machines.snapshots.size;
  // A certificate has to be made anew, with a key that is none.
  const materials = content.materials.filter(({ name }) => name !== "certificate/leaf-1");
  const authorityKeys = content.authorityKeys.map((key) => ({ ...key, secret: Buffer.from("no key") }));
  expect(materials.length).toBeLessThan(content.materials.length);
  const here = await unpack(plane, { ...content, materials, authorityKeys });
  await settle(plane);
  await runFor(plane, 600_000);
  expect(await operation(here.id)).toMatchObject({
    ...{ kind: "chain.import", state: "failed" },
    error: { code: "material.failed", hint: expect.any(String) },
  });
  await expectNothing(here, stored);
  const again = await unpack(plane, content);
  await settle(plane);
  expect((await operation(again.id)).state).toBe("succeeded");
});

test("what was wished of its parts meanwhile ends with it, and says why", async () => {
  const { content, backupId } = await carried();
  for (const [key, copy] of plane.machines.snapshots) copy.isDamaged = key.startsWith(`${backupId}/`);
  const here = await unpack(plane, content);
  const id = await changeTopic(plane, here, { name: "new", kind: "create" });
  await settle(plane);
  expect(await plane.client.operation.findUniqueOrThrow({ where: { id } })).toMatchObject({
    state: "failed",
    error: {
      code: "backup.damaged",
      message: expect.stringContaining("could not be imported"),
      hint: expect.any(String),
    },
  });
});

test("a region that says once more why it failed, when all is given up already, holds nothing up", async () => {
  const { content, backupId } = await carried();
  for (const [key, copy] of plane.machines.snapshots) copy.isDamaged = key.startsWith(`${backupId}/`);
  const here = await unpack(plane, content);
  const worker = plane.worker();
  const isGivenUp = async () => (await chainOf(here)).wish === "purged";
  for (let turn = 0; turn < 50; turn++) {
    for (const id of await plane.coordination.due(9)) await worker.coordinate(id);
    if (await isGivenUp()) break;
    for (const id of await plane.centre.due(plane.regions, 9)) await worker.reconcile(id);
    plane.clock.advance(1_000);
  }
  expect(await isGivenUp()).toBe(true);
  const { steps } = await lastOperation(plane, here);
  const problem = steps.find(({ state }) => state === "failed")?.error;
  const late = { problem: problem as object, reportedAt: plane.clock.now() };
  await plane.client.placement.updateMany({ where: { chainId: here.id }, data: late });
  await plane.client.chain.update({ where: { id: here.id }, data: { nextAt: plane.clock.now() } });
  await worker.coordinate(here.id);
  expect((await operation(here.id)).state).toBe("running");
  await settle(plane);
  expect((await operation(here.id)).state).toBe("failed");
});

test("one that is deleted before it ever ran leaves nothing either", async () => {
  const { content } = await carried();
  const stored = plane.machines.snapshots.size;
  const here = await unpack(plane, content);
  await takeName(here);
  await runDue(plane, plane.worker());
  await changeChain(plane, here, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  await runFor(plane, 60_000);
  await expectNothing(here, stored);
});

test("one that is deleted in the middle and brought back inside its window goes on where it was, at its addresses", async () => {
  const { content, addresses } = await carried("standard");
  const here = await unpack(plane, content);
  plane.watch.gate = async (at) => {
    if (at === "snapshot.restore") throw new Error("the machine goes away");
  };
  const worker = plane.worker();
  for (let turn = 0; turn < 30; turn++) if (!(await runDue(plane, worker))) plane.clock.advance(1_000);
  await changeChain(plane, here, { kind: "chain.delete", wish: "deleted" });
  plane.watch.gate = null;
  await settle(plane);
  await changeChain(plane, here, { kind: "chain.restore", wish: "running" });
  await settle(plane);
  expect(runningNodes(plane, here)).toEqual(wanted);
  expect(heights(here)).toEqual([1]);
  expect(await addressesOf(here)).toEqual(addresses);
});

test("one that is deleted and can't be brought back never runs without its data, nor at addresses that nobody checked", async () => {
  const { content, backupId, addresses } = await carried("standard");
  const setDamaged = (isDamaged: boolean): void => {
    for (const [key, copy] of plane.machines.snapshots) if (key.startsWith(`${backupId}/`)) copy.isDamaged = isDamaged;
  };
  setDamaged(true);
  const here = await unpack(plane, content);
  await changeChain(plane, here, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  for (const _ of [1, 2]) {
    plane.clock.advance(1_000);
    await changeChain(plane, here, { kind: "chain.restore", wish: "running" });
    await settle(plane);
    expect(await lastOperation(plane, here)).toMatchObject({ state: "failed", error: { code: "backup.damaged" } });
    expect(runningNodes(plane, here)).toEqual([]);
  }
  setDamaged(false);
  plane.clock.advance(1_000);
  await changeChain(plane, here, { kind: "chain.restore", wish: "running" });
  await settle(plane);
  expect(runningNodes(plane, here)).toEqual(wanted);
  expect(heights(here)).toEqual([1]);
  expect(await addressesOf(here)).toEqual(addresses);
});

test("import: a worker may die at any place, and it comes to life whole", { timeout: longMs }, async () => {
  const { content } = await carried();
  const places = await crashEverywhere(
    plane,
    {
      wish: async () => {
        await moveAway();
        plane.clock.advance(1);
        return unpack(plane, content);
      },
      check: async (here, at) => {
        expect((await lastOperation(plane, here)).state, at).toBe("succeeded");
        expect(heights(here), at).toEqual([1]);
      },
    },
    9,
  );
  expect(places).toBeGreaterThan(8);
});

test("a failing import: a worker may die at any place, and nothing is left", { timeout: longMs }, async () => {
  const { content, backupId } = await carried();
  const copies = [...plane.machines.snapshots.entries()].filter(([key]) => key.startsWith(`${backupId}/`));
  const last = copies.at(-1)?.[1];
  if (last === undefined) throw new Error("nothing was copied");
  last.isDamaged = true;
  for (let index = 0; ; index += 7) {
    await moveAway();
    plane.clock.advance(1);
    const here = await unpack(plane, content);
    const gate = crashAt(index);
    await settle(plane, plane.worker(gate.gate)).catch((error: unknown) => {
      if (!(error instanceof Crash) && gate.at() === null) throw error;
    });
    await settle(plane);
    expect((await operation(here.id)).state, `${index}, ${gate.at()}`).toBe("failed");
    await expectNothing(here, plane.machines.snapshots.size);
    if (gate.at() !== null) continue;
    expect(index).toBeGreaterThan(20);
    return;
  }
});
