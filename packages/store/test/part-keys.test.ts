import { createIdSource } from "@portolan/domain";
import { seededClock, seededRandom, testDatabase } from "@portolan/testing";
import { afterAll, beforeEach, expect, test } from "vitest";
import {
  createClients,
  createNotifications,
  createPartKeyAnswers,
  createPostgresEdgePort,
  localRegion,
  seed,
} from "../src/index.ts";

const database = await testDatabase();
const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
const client = clients.system;
const clock = seededClock();
const ids = createIdSource({ clock, random: seededRandom("part keys") });
const operator = { email: "operator@example.org", passwordHash: "x", country: "ZZ" };
await seed({ client, ids, clock, regions: [localRegion("http://127.0.0.1:1")], signupMode: "open", operator });
const notifications = createNotifications({ url: database.urls.system, channels: ["edge", "work"] });
await notifications.start();
afterAll(async () => {
  await notifications.close();
  await clients.close();
});

const edge = createPostgresEdgePort({
  client,
  clock,
  notifications,
  limits: { unitsPerSecond: 1, burstSeconds: 1 },
  ingestUsage: async () => ({ isDuplicate: false }),
  insertRequests: async () => undefined,
});
const answers = createPartKeyAnswers({ client, clock });

let chainId = "";
beforeEach(async () => {
  const { id: tenantId } = await client.tenant.findFirstOrThrow({ where: { kind: "operator" } });
  chainId = ids.next("chain");
  const chain = { id: chainId, tenantId, appId: "app_1", name: chainId, framework: "fabric", version: "3.1.5" };
  await client.chain.create({
    data: { ...chain, plan: "dev", hosting: "dedicated", regions: ["local"], settings: {} },
  });
  const part = { id: `idn_${chainId}`, tenantId, chainId, kind: "identity", name: "alice", settings: {} };
  await client.part.create({ data: part });
  for (const version of [1, 2]) {
    const material = { id: ids.nextWith("mat"), tenantId, chainId, name: `identity/${part.id}`, version };
    await client.material.create({ data: { ...material, kind: "certificate", owner: "plane", public: { version } } });
  }
});

const request = (over = {}) => ({
  region: "local",
  chainId,
  kind: "identity",
  name: "alice",
  publicKey: "pk",
  ...over,
});

test("a question reaches who has custody by a notification, its answer the gateway, and no row is left", async () => {
  const off = notifications.onWork((hint) => {
    if (hint?.partKeyRequest !== true) return;
    void answers.waiting(10).then(async ([waiting]) => {
      if (waiting === undefined) return;
      expect(waiting).toMatchObject({ chainId, framework: "fabric", publicKey: "pk", part: { isDeleted: false } });
      // The newest certificate goes with the key.
      expect(waiting.material).toMatchObject({ owner: "plane", facts: { version: 2 } });
      const { tenantId } = waiting;
      await answers.answer(waiting.id, {
        ...{ kind: "key", partId: "idn_1", tenantId, facts: { a: 1 } },
        sealed: new Uint8Array([1, 2, 3]),
      });
    });
  });
  const found = await edge.partKey(request());
  off();
  expect(found).toMatchObject({ kind: "key", partId: "idn_1", facts: { a: 1 }, sealed: new Uint8Array([1, 2, 3]) });
  expect(await client.partKeyRequest.count()).toBe(0);
});

test("only chains that run in the gateway's region are asked for", async () => {
  const unknown = { kind: "refused", reason: "unknown" };
  expect(await edge.partKey(request({ region: "elsewhere" }))).toEqual(unknown);
  expect(await edge.partKey(request({ chainId: "chn_nothing" }))).toEqual(unknown);
  await client.chain.update({ where: { id: chainId }, data: { wish: "paused" } });
  expect(await edge.partKey(request())).toEqual(unknown);
});

test("nobody answers: unavailable, and the row is gone", async () => {
  expect(await edge.partKey(request())).toEqual({ kind: "refused", reason: "unavailable" });
  expect(await client.partKeyRequest.count()).toBe(0);
});

test("a part that goes raises its route's version, so that gateways drop its key", async () => {
  const version = async () => (await client.chain.findUniqueOrThrow({ where: { id: chainId } })).routeVersion;
  const before = await version();
  await client.part.update({ where: { id: `idn_${chainId}` }, data: { generation: 2 } });
  expect(await version()).toBe(before);
  await client.part.update({ where: { id: `idn_${chainId}` }, data: { deletedAt: clock.now() } });
  expect(await version()).toBe(before + 1n);
});
