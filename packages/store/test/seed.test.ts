import { createIdSource, findPrice, samplePriceBookData } from "@portolan/domain";
import { seededClock, seededRandom, testDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import { createClients, inTransaction, portalRepository, seed } from "../src/index.ts";

const database = await testDatabase();
const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
const client = clients.system;
const clock = seededClock();
const ids = createIdSource({ clock, random: seededRandom("seed") });
const start = () => seed({ client, ids, clock, regions: [], signupMode: "open" });
const bookOf = (portalId: string) =>
  inTransaction(client, (transaction) => portalRepository.priceBook(transaction, portalId, clock.now()));
afterAll(() => clients.close());

test("a home of an older release gets prices of what is counted since, once, and keeps its own", async () => {
  await start();
  const portal = await client.portal.findUniqueOrThrow({ where: { slug: "global" } });
  const older = samplePriceBookData.prices.filter(({ sku }) => sku !== "transaction.submitted");
  await client.priceBook.updateMany({
    where: { portalId: portal.id },
    data: { prices: { ...samplePriceBookData, prices: older } },
  });
  const lacking = await bookOf(portal.id);
  expect(() => lacking && findPrice(lacking, "transaction.submitted", clock.now())).toThrow("price");

  await start();
  await start();
  const book = await bookOf(portal.id);
  expect(book?.version).toBe(2);
  expect(book && findPrice(book, "transaction.submitted", clock.now()).version).toBe(2);
  expect(book && findPrice(book, "rpc.compute", clock.now()).version).toBe(1);
  expect(await client.priceBook.count({ where: { portalId: portal.id } })).toBe(2);
});
