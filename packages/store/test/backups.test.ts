import { seededClock, testDatabase } from "@portolan/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backupRepository, createClients, createPostgresCentrePort, meterBackups, withTenant } from "../src/index.ts";

const database = await testDatabase();
const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
afterAll(() => clients.close());
const client = clients.system;
const clock = seededClock();
const at = (ms: number) => new Date(clock.now().getTime() + ms);
const hourMs = 3_600_000;
const centre = createPostgresCentrePort({
  ...{ client, clock, ingestUsage: () => Promise.resolve({ isDuplicate: false }), hints: { onWork: () => () => {} } },
  secrets: {
    reseal: () => Promise.reject(new Error("no")),
    resealLogin: () => Promise.reject(new Error("no")),
    sign: () => Promise.reject(new Error("no")),
  },
});

const chain = (tenantId: string, id: string) => ({
  ...{ id, tenantId, appId: `app_${tenantId}`, name: id, framework: "anvil", version: "1", plan: "dev" },
  ...{ hosting: "dedicated", regions: ["east", "west"], settings: {} },
});
const copy = (region: string, sizeBytes: number) => ({
  placementId: `plc_${region}`,
  region,
  sizeBytes,
  files: 1,
  digest: "0",
});
const backup = (tenantId: string, id: string, chainId: string) => ({
  ...{ id, tenantId, chainId, operationId: `opr_${id}`, framework: "anvil", version: "1", createdAt: clock.now() },
});

beforeAll(async () => {
  await client.chain.createMany({ data: [chain("ten_a", "chn_a"), chain("ten_b", "chn_b")] });
  for (const slug of ["east", "west"]) {
    await client.region.create({
      data: {
        ...{ id: `rgn_${slug}`, slug, name: slug, provider: "p", country: "ZZ", city: "c", jurisdiction: "j" },
        ...{ operator: "o", runtime: "process", gatewayUrl: "http://127.0.0.1:1", state: "active", capacity: {} },
      },
    });
    await client.placement.create({
      data: { id: `plc_${slug}`, tenantId: "ten_a", chainId: "chn_a", region: slug, nextAt: clock.now() },
    });
  }
  await client.backup.create({ data: { ...backup("ten_b", "bkp_b", "chn_b"), state: "ready" } });
});

test("a tenant sees and changes its own backups only, and says nothing of what is in them", async () => {
  const inA = <T>(work: Parameters<typeof withTenant<T>>[2]) => withTenant(clients.app, "ten_a", work);
  await inA((transaction) =>
    backupRepository.insert(transaction, { ...backup("ten_a", "bkp_a", "chn_a"), nodes: ["node-0"] }),
  );
  const seen = await inA((transaction) => transaction.backup.findMany({ select: { id: true } }));
  expect(seen).toEqual([{ id: "bkp_a" }]);
  expect(await inA((transaction) => backupRepository.byId(transaction, "ten_a", "bkp_b"))).toBeNull();
  expect(await inA((transaction) => backupRepository.byId(transaction, "ten_b", "bkp_b"))).toBeNull();
  expect(await inA((transaction) => backupRepository.markDeleted(transaction, "ten_b", "bkp_b", clock.now()))).toBe(
    false,
  );
  const foreign = { ...backup("ten_b", "bkp_c", "chn_b"), nodes: [] };
  await expect(inA((transaction) => backupRepository.insert(transaction, foreign))).rejects.toThrow(
    /row-level security/,
  );
  const forged = { where: { id: "bkp_a" }, data: { copies: [copy("east", 1)] } };
  await expect(inA((transaction) => transaction.backup.updateMany(forged))).rejects.toThrow(/denied/);
  const second = { ...backup("ten_a", "bkp_d", "chn_a"), nodes: [] };
  await expect(inA((transaction) => backupRepository.insert(transaction, second))).rejects.toThrow();
});

test("its storage is metered by region for each full hour in which it could be restored, once", async () => {
  await client.backup.update({
    where: { id: "bkp_a" },
    data: {
      state: "ready",
      endedAt: clock.now(),
      sizeBytes: 3_000_000n,
      copies: [copy("east", 2_000_000), copy("west", 1_000_000)],
    },
  });
  clock.advance(3 * hourMs);
  await meterBackups({ client, clock });
  await meterBackups({ client, clock });
  const rows = await client.usageHourly.findMany({ where: { sku: "backup.storage" } });
  const sums = rows.map(({ regionId, subjectId, appId, quantity }) => [regionId, subjectId, appId, Number(quantity)]);
  // Three hours in which it was there from beginning to end, or two where it began inside one. Whole MiB.
  const hours = new Set(rows.map(({ hour }) => hour.toISOString())).size;
  expect([2, 3]).toContain(hours);
  expect(sums.filter(([region]) => region === "rgn_east")).toEqual(
    Array.from({ length: hours }, () => ["rgn_east", "chn_a", "app_ten_a", 2]),
  );
  expect(sums.filter(([region]) => region === "rgn_west")).toHaveLength(hours);
  await client.backup.update({ where: { id: "bkp_a" }, data: { state: "deleted", endedAt: at(0) } });
  clock.advance(2 * hourMs);
  await meterBackups({ client, clock });
  expect(await client.usageHourly.count({ where: { sku: "backup.storage" } })).toBe(rows.length);
});

test("files of a deleted backup are to be removed in each region, but not under a worker that may write them", async () => {
  const doomed = (...regions: string[]) => centre.doomedBackups(regions, 10);
  const east = { backupId: "bkp_a", placementId: "plc_east", region: "east" };
  expect(await doomed("east")).toEqual([east]);
  const order = { action: "snapshot", backup: { id: "bkp_a" } };
  await client.placement.update({ where: { id: "plc_west" }, data: { workOrder: order } });
  expect(await doomed("east", "west")).toEqual([]);
  await client.placement.update({ where: { id: "plc_west" }, data: { workOrder: { action: "run" } } });
  await centre.backupRemoved("bkp_a", "east");
  expect(await doomed("east")).toEqual([]);
  expect(await client.backup.findUnique({ where: { id: "bkp_a" } })).toMatchObject({ removedAt: null });
  await centre.backupRemoved("bkp_a", "west");
  expect((await client.backup.findUnique({ where: { id: "bkp_a" } }))?.removedAt).not.toBeNull();
  expect(await doomed("east", "west")).toEqual([]);
});
