import { testDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import { createClients, createListener, runSql } from "../src/index.ts";

const database = await testDatabase();
const { system, close } = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
afterAll(close);

const operation = (id: string, targetId: string, state: string) => ({
  id,
  tenantId: "ten_a",
  kind: "chain.create",
  targetType: "chain",
  targetId,
  state,
  generation: 1,
  actorType: "user",
  actorId: "usr_a",
});
const chain = (id: string, more: object = {}) => ({
  id,
  tenantId: "ten_a",
  appId: "app_a",
  name: id,
  framework: "anvil",
  version: "1",
  plan: "dev",
  hosting: "dedicated",
  regions: ["local"],
  settings: {},
  ...more,
});

test("at most one live operation per target; needsAttention is live, ended ones do not count", async () => {
  await system.operation.create({ data: operation("opr_1", "chn_1", "needsAttention") });
  await expect(system.operation.create({ data: operation("opr_2", "chn_1", "queued") })).rejects.toMatchObject({
    code: "P2002",
  });
  await system.operation.create({ data: operation("opr_3", "chn_2", "queued") });
  await system.operation.update({ where: { id: "opr_1" }, data: { state: "cancelled" } });
  await system.operation.create({ data: operation("opr_4", "chn_1", "running") });
});

test("a placement whose wish is not reached is always due", async () => {
  const placement = { tenantId: "ten_a", chainId: "chn_1", region: "local", generation: 2 };
  await expect(system.placement.create({ data: { ...placement, id: "plc_1" } })).rejects.toThrow(
    /placements_wish_is_due/,
  );
  await system.placement.create({ data: { ...placement, id: "plc_1", nextAt: new Date() } });
  await expect(system.placement.update({ where: { id: "plc_1" }, data: { nextAt: null } })).rejects.toThrow(
    /placements_wish_is_due/,
  );
  await system.placement.update({ where: { id: "plc_1" }, data: { nextAt: null, observedGeneration: 2 } });
});

test("the audit log takes its hashes once and nothing else", async () => {
  const event = {
    tenantId: "ten_a",
    actorType: "user",
    actorId: "usr_a",
    action: "app.create",
    targetType: "app",
    targetId: "app_a",
    detail: { a: 1 },
  };
  await system.auditEvent.create({ data: { ...event, id: "aud_1", seq: 1n } });
  await system.auditEvent.update({ where: { id: "aud_1" }, data: { hash: "h1", previousHash: "h0" } });
  await expect(system.auditEvent.update({ where: { id: "aud_1" }, data: { hash: "h2" } })).rejects.toThrow(
    /append-only/,
  );
  // The owner, who has every grant, is held by the trigger.
  const asOwner = (sql: string) =>
    runSql(database.urls.owner, async (query) => {
      await query("select set_config('app.tenant', 'ten_a', false)");
      await query(sql);
    });
  await system.auditEvent.create({ data: { ...event, id: "aud_2", seq: 2n } });
  await expect(asOwner("update audit_events set action = 'x', hash = 'h' where id = 'aud_2'")).rejects.toThrow(
    /append-only/,
  );
  await expect(asOwner("delete from audit_events")).rejects.toThrow(/append-only/);
  await expect(asOwner("truncate audit_events")).rejects.toThrow(/append-only/);
  await expect(system.auditEvent.delete({ where: { id: "aud_2" } })).rejects.toThrow(/permission denied/);
});

test("usage rows go to their month's partition, those of an unforeseen month to the rest", async () => {
  const row = (hour: string) => ({
    hour: new Date(hour),
    tenantId: "ten_a",
    appId: "app_a",
    subjectType: "chain",
    subjectId: "chn_1",
    regionId: "rgn_1",
    sku: "cu",
    quantity: 5n,
    count: 1n,
  });
  const now = new Date();
  await system.usageHourly.createMany({ data: [row(now.toISOString()), row("2001-01-31T23:00:00Z")] });
  const found = await system.$queryRaw`select tableoid::regclass::text as place from usage_hourly order by hour`;
  const month = now.toISOString().slice(0, 7).replace("-", "_");
  expect(found).toEqual([{ place: "partitions.usage_hourly_rest" }, { place: `partitions.usage_hourly_${month}` }]);
  expect(await system.$queryRaw`select ensure_usage_partitions('2001-01-15', 3) as made`).toEqual([{ made: 2 }]);
  expect(await system.$queryRaw`select ensure_usage_partitions('2001-01-15', 3) as made`).toEqual([{ made: 0 }]);
});

test("changes notify whom the schema says, and only when they matter", async () => {
  const heard: string[] = [];
  const listener = createListener({
    url: database.urls.system,
    onNotify: (channel, payload) => heard.push(`${channel} ${payload}`),
  });
  for (const channel of ["portolan_edge", "portolan_work", "portolan_operation", "portolan_log", "test_end"])
    await listener.listen(channel);
  const past = new Date(Date.now() - 1_000);
  const later = new Date(Date.now() + 3_600_000);
  await system.app.create({ data: { id: "app_n", tenantId: "ten_a", name: "n" } });
  await system.chain.create({ data: chain("chn_n", { nextAt: past }) });
  await system.chain.update({ where: { id: "chn_n" }, data: { nextAt: later } });
  await system.chain.update({ where: { id: "chn_n" }, data: { route: { nodes: [] }, routeVersion: 1n } });
  await system.chain.update({ where: { id: "chn_n" }, data: { phase: "running" } });
  await system.placement.create({
    data: { id: "plc_n", tenantId: "ten_a", chainId: "chn_n", region: "local", nextAt: later },
  });
  await system.placement.update({ where: { id: "plc_n" }, data: { nextAt: past } });
  await system.placement.update({ where: { id: "plc_n" }, data: { attempts: 1 } });
  await system.operation.create({ data: operation("opr_n", "chn_n", "queued") });
  await system.logRequest.create({
    data: { id: "req_n", tenantId: "ten_a", placementId: "plc_n", region: "local", node: "n", limit: 1 },
  });
  await system.logRequest.update({ where: { id: "req_n" }, data: { lines: [] } });
  await system.$executeRaw`select pg_notify('test_end', '')`;
  await expect.poll(() => heard.at(-1)).toBe("test_end ");
  await listener.close();
  const compact = heard.map((line) => line.replaceAll(" : ", ":").replaceAll(", ", ","));
  expect(compact).toEqual([
    'portolan_edge {"kind":"app","id":"app_n"}',
    'portolan_work {"chainId":"chn_n"}',
    // Made, so that a gateway can say "not ready" instead of "unknown"; then its route.
    'portolan_edge {"kind":"route","id":"chn_n"}',
    'portolan_edge {"kind":"route","id":"chn_n"}',
    'portolan_work {"placementId":"plc_n","region":"local"}',
    "portolan_operation opr_n",
    'portolan_work {"logRequest":true,"region":"local"}',
    "portolan_log req_n",
    "test_end ",
  ]);
});

test("what gateways take by version gets a new one with each change, and a wish closes the route at once", async () => {
  await system.app.create({ data: { id: "app_v", tenantId: "ten_a", name: "v" } });
  expect((await system.app.update({ where: { id: "app_v" }, data: { state: "suspended" } })).version).toBe(2n);
  await system.chain.create({ data: chain("chn_v") });
  const update = (data: object) =>
    system.chain.update({ where: { id: "chn_v" }, data, select: { routeVersion: true } });
  expect(await update({ attempts: 1 })).toEqual({ routeVersion: 0n });
  expect(await update({ wish: "paused" })).toEqual({ routeVersion: 1n });
  expect(await update({ wish: "running", routeVersion: 7n })).toEqual({ routeVersion: 7n });
});
