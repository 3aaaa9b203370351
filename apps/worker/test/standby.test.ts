import { toStandbyTarget } from "@portolan/frameworks";
import { silentLogger } from "@portolan/kit";
import { chainWishes, createStandbyPool, type StandbyPool, withTenant } from "@portolan/store";
import { createFakeFramework } from "@portolan/testing";
import { beforeEach, expect, test } from "vitest";
import { createStandbyKeeper, firstPauseMs, patienceMs, restMs } from "../src/loops/keep-standby.ts";
import { crashEverywhere } from "./support/crash-loop.ts";
import { clearPlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { runFor, settle } from "./support/settle.ts";
import { changeChain, type TestChain } from "./support/wishes.ts";

const plane = await fakePlane();
const { client, clock, ids } = plane;
const framework = createFakeFramework(plane.machines.exchange);
const pool = createStandbyPool({ client, ids, clock });
const portal = await client.portal.findFirstOrThrow({ where: { slug: "global" } });
const tenant = (id: string, kind: string) => ({ id, portalId: portal.id, name: kind, country: "ZZ", kind });
const operatorId = ids.next("tenant");
const regions = ["east"];

const targetOf = (count: number, more: object = {}) => {
  const found = toStandbyTarget({ framework: "fake", plan: "dev", region: "east", count }, () => ({
    ...framework,
    ...more,
  }));
  if (found === null) throw new Error("it can stand by");
  return found;
};
const keeper = (count: number, options: { more?: object; pool?: StandbyPool } = {}) =>
  createStandbyKeeper({
    ...{ pool: options.pool ?? pool, targets: count < 0 ? [] : [targetOf(count, options.more)], regions, clock },
    log: silentLogger,
  });
const standing = () => pool.list(regions);
/** The loop's turns, one a second, with the passes that become due. */
const turns = async (keep: () => Promise<void>, seconds: number, worker = plane.worker()): Promise<void> => {
  for (let second = 0; second < seconds; second++) {
    await keep();
    await runFor(plane, 1_000, worker);
  }
};
const chainOf = async (id: string): Promise<TestChain> => {
  const { tenantId } = await client.chain.findUniqueOrThrow({ where: { id } });
  const placements = await client.placement.findMany({ where: { chainId: id } });
  return { id, tenantId, placements: new Map(placements.map((placement) => [placement.region, placement.id])) };
};
const adopt = async (): Promise<TestChain | null> => {
  const [tenantId, appId] = [ids.next("tenant"), ids.next("app")];
  await client.tenant.create({ data: tenant(tenantId, "customer") });
  await client.app.create({ data: { id: appId, tenantId, name: "App" } });
  const { framework: _framework, count: _count, ...kind } = targetOf(1);
  const adoption = { ...kind, framework: "fake", tenantId, appId, name: "mine", nodeCount: 4, storageBytes: 4n };
  const id = await withTenant(plane.appClient, tenantId, (transaction) =>
    chainWishes.adopt(transaction, { ...adoption, now: clock.now() }),
  );
  return id === null ? null : chainOf(id);
};
const adoptReady = async (): Promise<TestChain> => {
  const chain = await adopt();
  if (chain === null) throw new Error("nothing stood by");
  return chain;
};

beforeEach(async () => {
  await clearPlane(plane);
  await client.tenant.deleteMany({ where: { kind: "operator" } });
  await client.tenant.create({ data: tenant(operatorId, "operator") });
});

test("a pool is filled one at a time to its size, by the ordinary reconciler, without any operation", async () => {
  const keep = keeper(2);
  await turns(keep, 1);
  // Whoever has just started has other things to do first.
  expect(await standing()).toEqual([]);
  await turns(keep, 3);
  expect(await standing()).toHaveLength(1);
  await turns(keep, 8);
  const chains = await standing();
  expect(chains.map(({ isReady }) => isReady)).toEqual([true, true]);
  expect(chains[0]).toMatchObject({ framework: "fake", plan: "dev", region: "east", rendererVersions: [1, 1, 1, 1] });
  expect(await client.operation.count()).toBe(0);
  const rows = await client.chain.findMany();
  expect(rows.map((row) => [row.tenantId, row.isStandby, row.nodeCount])).toEqual([
    [operatorId, true, 0],
    [operatorId, true, 0],
  ]);
  expect(await client.app.findMany({ where: { tenantId: operatorId } })).toHaveLength(1);
});

test("two workers that keep the same pool do not overfill it", async () => {
  const both = [keeper(2), keeper(2)];
  for (let second = 0; second < 12; second++) {
    await Promise.all(both.map((keep) => keep()));
    await runFor(plane, 1_000);
  }
  expect(await standing()).toHaveLength(2);
  expect(await client.chain.count()).toBe(2);
});

test("an adopted chain is replaced after a rest, and is its owner's like any other", async () => {
  const keep = keeper(1);
  await turns(keep, 8);
  const chain = await adoptReady();
  const adoptedAt = clock.now().getTime();
  while ((await standing()).length === 0) await turns(keep, 1);
  expect(clock.now().getTime() - adoptedAt).toBeGreaterThanOrEqual(restMs);
  await turns(keep, 5);
  expect((await standing()).map(({ isReady }) => isReady)).toEqual([true]);

  expect(startCounts(plane, chain)).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  expect((await client.chain.findUniqueOrThrow({ where: { id: chain.id } })).phase).toBe("purged");
  expect(runningNodes(plane, chain)).toEqual([]);
});

test("what is too many, or not what a creation of today would make, is removed with all it has", async () => {
  await turns(keeper(2), 14);
  const before = await standing();
  await turns(keeper(1), 3);
  const [left] = await standing();
  expect(await standing()).toHaveLength(1);
  expect(before.map(({ id }) => id)).toContain(left?.id);

  // A release that writes nodes differently: the old one goes, a new one comes.
  plane.renderer.version = 2;
  await turns(keeper(1, { more: { rendererVersion: 2 } }), 8);
  const [renewed] = await standing();
  expect(renewed?.id).not.toBe(left?.id);
  expect(renewed).toMatchObject({ isReady: true, rendererVersions: [2, 2, 2, 2] });
  // A worker of the release before leaves it alone.
  await turns(keeper(1), 3);
  expect((await standing()).map(({ id }) => id)).toEqual([renewed?.id]);

  // Another default version; a kind that nobody wants any more.
  const versions = [
    ...framework.versions.map((version) => ({ ...version, isDefault: false })),
    { version: "2.0.0", upgradesTo: [], isDefault: true },
  ];
  await turns(keeper(0, { more: { versions } }), 2);
  expect(await standing()).toEqual([]);
  await turns(keeper(1), 8);
  expect(await standing()).toHaveLength(1);
  await turns(keeper(-1), 2);
  expect(await standing()).toEqual([]);
  await settle(plane);
  expect(await client.material.count()).toBe(0);
  expect(await client.authorityKey.count()).toBe(0);
  expect([...plane.machines.placements.values()].flatMap(({ instances, disks }) => [...instances, ...disks])).toEqual(
    [],
  );
  expect((await client.chain.findMany()).map(({ phase }) => phase)).not.toContain("running");
});

test("one that does not become ready is given up after a while, and the next is made after a pause", async () => {
  plane.machines.missingPrograms.add("fake-node");
  plane.machines.startupMs = 3_600_000;
  const keep = keeper(1);
  await turns(keep, 5);
  const [first] = await standing();
  expect(first?.isReady).toBe(false);
  expect(await adopt()).toBeNull();
  await turns(keep, patienceMs / 1_000 + 3);
  expect(await standing()).toEqual([]);
  const givenUpAt = clock.now().getTime();
  plane.machines.missingPrograms.clear();
  plane.machines.startupMs = 0;
  while ((await standing()).length === 0) await turns(keep, 1);
  expect(clock.now().getTime() - givenUpAt).toBeGreaterThan(firstPauseMs - 5_000);
  await turns(keep, 5);
  expect((await standing()).map(({ isReady }) => isReady)).toEqual([true]);
});

test("one that comes and goes is given up as well, however short each time is", async () => {
  const keep = keeper(1);
  await turns(keep, 8);
  const [first] = await standing();
  expect(first?.isReady).toBe(true);
  // Each condition changed just now, whenever it is looked at.
  let second = 0;
  const flapping: StandbyPool = {
    ...pool,
    list: async (of) => {
      second += 1;
      const isReady = second % 20 < 5;
      return (await pool.list(of)).map((chain) => ({ ...chain, isReady, since: clock.now() }));
    },
  };
  const beside = keeper(1, { pool: flapping });
  const passed: number[] = [];
  while (passed.length < 600 && (await standing()).some(({ id }) => id === first?.id)) {
    await beside();
    clock.advance(1_000);
    passed.push(second);
  }
  expect(passed.length).toBeGreaterThan(patienceMs / 1_000);
  expect(passed.length).toBeLessThan(300);
});

test("those of a region that takes no new chains are removed, and come back when it does", async () => {
  await turns(keeper(1), 8);
  const setRegion = (state: string) => client.region.updateMany({ where: { slug: "east" }, data: { state } });
  try {
    await setRegion("closed");
    await turns(keeper(1), 8);
    expect(await standing()).toEqual([]);
  } finally {
    await setRegion("open");
  }
  await turns(keeper(1), 8);
  expect(await standing()).toHaveLength(1);
});

test("without an operator there is no pool, and nothing is tried every second", async () => {
  await client.tenant.deleteMany({ where: { kind: "operator" } });
  let tries = 0;
  const add: StandbyPool["add"] = (...input) => {
    tries += 1;
    return pool.add(...input);
  };
  await turns(keeper(1, { pool: { ...pool, add } }), 20);
  expect(await client.chain.count()).toBe(0);
  expect(tries).toBe(1);
});

/** Each secret opens as the chain's tenant's, and as nobody else's. */
const demandSealedFor = async (chain: TestChain): Promise<void> => {
  expect((await client.chain.findUniqueOrThrow({ where: { id: chain.id } })).sealedFor).toBeNull();
  const items = await client.material.findMany({ where: { chainId: chain.id }, omit: { sealed: false } });
  const secrets = items.filter((item) => item.sealed !== null);
  expect(secrets.length).toBeGreaterThan(0);
  for (const { name, version, sealed } of secrets) {
    const context = { chainId: chain.id, purpose: `material/${name}`, version };
    const open = (tenantId: string) => plane.custody.open(sealed ?? new Uint8Array(), { ...context, tenantId });
    await expect(open(chain.tenantId)).resolves.toBeDefined();
    await expect(open(operatorId)).rejects.toThrow();
  }
};

test("until its secrets are sealed anew an adopted chain signs and starts its nodes with those of its former tenant", async () => {
  await turns(keeper(1), 8);
  const chain = await adoptReady();
  const row = await client.chain.findUniqueOrThrow({ where: { id: chain.id } });
  expect(row).toMatchObject({ sealedFor: operatorId, tenantId: chain.tenantId });
  const [key] = await client.authorityKey.findMany({ where: { chainId: chain.id } });
  expect(
    await plane.signerFor({ tenantId: chain.tenantId, chainId: chain.id }).sign(key?.ref ?? "", new Uint8Array([1])),
  ).toBeDefined();

  // All of its programs are gone before any coordinator has looked.
  const placementId = chain.placements.get("east") ?? "";
  plane.machines.placements.get(placementId)?.instances.clear();
  await client.placement.update({ where: { id: placementId }, data: { nextAt: clock.now() } });
  const worker = plane.worker();
  for (let pass = 0; pass < 5; pass++) await worker.reconcile(placementId);
  expect(runningNodes(plane, chain)).toEqual(["hub-0", "leaf-0", "leaf-1", "leaf-2"]);

  await runFor(plane, 5_000);
  await demandSealedFor(chain);
  expect(
    await plane.signerFor({ tenantId: chain.tenantId, chainId: chain.id }).sign(key?.ref ?? "", new Uint8Array([1])),
  ).toBeDefined();
});

test("after an adoption a worker may die at any place: the chain runs on untouched, its secrets end as its tenant's", {
  timeout: 900_000,
}, async () => {
  const places = await crashEverywhere(plane, {
    wish: async () => {
      await clearPlane(plane);
      await turns(keeper(1), 8);
      const chain = await adoptReady();
      clock.advance(2_000);
      return chain;
    },
    check: async (chain, at) => {
      // The dead one's leases run out first; nothing else waits for them.
      await runFor(plane, 35_000);
      expect(startCounts(plane, chain), at).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
      const { phase, name, isStandby } = await client.chain.findUniqueOrThrow({ where: { id: chain.id } });
      expect({ phase, name, isStandby }, at).toEqual({ phase: "running", name: "mine", isStandby: false });
      await demandSealedFor(chain);
    },
  });
  expect(places).toBeGreaterThan(8);
});
