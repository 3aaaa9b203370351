import { createIdSource } from "@portolan/domain";
import { seededClock, seededRandom, testDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import { createClients, reportRegion, seed } from "../src/index.ts";

const database = await testDatabase();
const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
const client = clients.system;
const clock = seededClock();
const ids = createIdSource({ clock, random: seededRandom("seed-regions") });
afterAll(() => clients.close());

const region = (slug: string, name = slug) => ({
  ...{ slug, name, provider: "p", country: "FR", city: "Paris", jurisdiction: "eu" },
  ...{ operator: "operator", runtime: "process", gatewayUrl: "http://127.0.0.1:1" },
});
const start = (source: string, ...slugs: string[]) =>
  seed({
    ...{ client, ids, clock, signupMode: "open" },
    regions: [region("home")],
    declared: { source, regions: slugs.map((slug) => region(slug)) },
  });
const states = async () =>
  Object.fromEntries((await client.region.findMany()).map(({ slug, state, problem }) => [slug, [state, problem]]));

test("a region that vanishes from its file is closed with the reason, and open again when it is back", async () => {
  await start("a", "paris", "tokyo");
  await start("b", "lima");
  const before = await client.region.findUniqueOrThrow({ where: { slug: "paris" } });
  await start("a", "tokyo");
  expect(await states()).toMatchObject({
    paris: ["closed", { code: "region.unknown", hint: expect.stringContaining("regions add") }],
    // Neither what the file does not speak of, nor another installation's.
    home: ["open", null],
    lima: ["open", null],
    tokyo: ["open", null],
  });
  await start("a", "paris", "tokyo");
  expect(await states()).toMatchObject({ paris: ["open", null] });
  expect((await client.region.findUniqueOrThrow({ where: { slug: "paris" } })).id).toBe(before.id);
});

test("what an operator closed stays closed when the file is read again", async () => {
  await start("a", "oslo");
  await client.region.update({ where: { slug: "oslo" }, data: { state: "draining" } });
  await start("a", "oslo");
  expect(await states()).toMatchObject({ oslo: ["draining", null] });
});

test("a report with a problem keeps what the region was known to be able to do", async () => {
  await start("a", "rome");
  const capabilities = { isolation: "namespace" };
  await reportRegion({ client, clock }, "rome", { capabilities });
  await reportRegion({ client, clock }, "rome", { problem: { code: "region.unreachable", message: "It is down." } });
  const row = () => client.region.findUniqueOrThrow({ where: { slug: "rome" } });
  expect(await row()).toMatchObject({ capabilities, problem: { code: "region.unreachable" } });
  await reportRegion({ client, clock }, "rome", { capabilities });
  expect(await row()).toMatchObject({ capabilities, problem: null });
});
