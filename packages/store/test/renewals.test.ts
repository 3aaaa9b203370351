import { seededClock, testDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import { createClients, createPostgresCentrePort, runSql } from "../src/index.ts";

const database = await testDatabase();
const urls = { appUrl: database.urls.app, systemUrl: database.urls.system };
const { system: client, close } = createClients({ ...urls, poolSize: 1 });
const renewals = createClients({ ...urls, poolSize: 1 });
afterAll(async () => {
  await close();
  await renewals.close();
});

const clock = seededClock();
const never = () => Promise.reject(new Error("not called"));
const centre = createPostgresCentrePort({
  client,
  renewals: renewals.system,
  clock,
  secrets: { reseal: never, resealLogin: never, sign: never },
  hints: { onWork: () => () => {} },
  ingestUsage: never,
});

const leaseMs = 15_000;

const claimNew = async (id: string) => {
  const ids = { id, chainId: `chn_${id}`, tenantId: "ten_a", region: "local" };
  await client.placement.create({ data: { ...ids, nextAt: clock.now() } });
  const claim = await centre.claim(id, { id: "worker", leaseMs });
  if (claim === null) throw new Error("not claimed");
  return claim;
};
const leaseOf = async (id: string) =>
  renewals.system.placement.findUniqueOrThrow({ where: { id }, select: { leaseUntil: true, nextAt: true } });

test("leases are renewed while everything else of the worker waits for a connection", async () => {
  const claims = [await claimNew("plc_a"), await claimNew("plc_b")];
  let release: () => void = () => {};
  const isHeld = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isOpen: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    isOpen = resolve;
  });
  const busy = client.$transaction(async (transaction) => {
    await transaction.$queryRaw`select 1`;
    isOpen();
    await isHeld;
  });
  await opened;
  clock.advance(5_000);
  const until = new Date(clock.now().getTime() + leaseMs);
  expect(await centre.renew(claims, leaseMs)).toEqual({ lost: [] });
  for (const { placementId } of claims)
    expect(await leaseOf(placementId)).toEqual({ leaseUntil: until, nextAt: until });
  release();
  await busy;
});

test("a row that somebody is writing to is passed over, waits for nobody and is not lost", async () => {
  const [held, free] = [await claimNew("plc_c"), await claimNew("plc_d")];
  const before = await leaseOf(held.placementId);
  await runSql(database.superuserUrl, async (query) => {
    await query("begin");
    await query("select 1 from placements where id = $1 for update", [held.placementId]);
    clock.advance(5_000);
    expect(await centre.renew([held, free], leaseMs)).toEqual({ lost: [] });
    expect(await leaseOf(held.placementId)).toEqual(before);
    await query("commit");
  });
  const until = new Date(clock.now().getTime() + leaseMs);
  expect((await leaseOf(free.placementId)).leaseUntil).toEqual(until);
  expect(await centre.renew([held], leaseMs)).toEqual({ lost: [] });
  expect((await leaseOf(held.placementId)).leaseUntil).toEqual(until);
});

test("what was given back, and what another has taken over, is lost; who wished another look meanwhile keeps it", async () => {
  const [given, taken, kept] = [await claimNew("plc_e"), await claimNew("plc_f"), await claimNew("plc_g")];
  await centre.release(given.placementId, given.fence);
  clock.advance(leaseMs + 1);
  expect(await centre.claim(taken.placementId, { id: "other", leaseMs })).not.toBeNull();
  const wish = new Date(clock.now().getTime() + 1);
  await client.placement.update({ where: { id: kept.placementId }, data: { nextAt: wish } });
  expect(await centre.renew([given, taken, kept], leaseMs)).toEqual({ lost: [given, taken] });
  expect((await leaseOf(kept.placementId)).nextAt).toEqual(wish);
});
