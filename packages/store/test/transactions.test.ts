import { testDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import { createClients, createListener, inTransaction, isConflict, runSql, withTenant } from "../src/index.ts";

const database = await testDatabase();
const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
afterAll(() => clients.close());
const { app, system } = clients;
const noSleep = async () => undefined;

await system.setting.createMany({
  data: [
    { name: "a", value: 0 },
    { name: "b", value: 0 },
  ],
});

test("a deadlock's victim is run again as a whole, and both end", async () => {
  let waiting = 0;
  let open: () => void = () => undefined;
  const both = new Promise<void>((resolve) => {
    open = resolve;
  });
  let runs = 0;
  const cross = (first: string, second: string) =>
    inTransaction(system, async (transaction) => {
      runs += 1;
      await transaction.setting.update({ where: { name: first }, data: { value: runs } });
      waiting += 1;
      if (waiting === 2) open();
      await both;
      await transaction.setting.update({ where: { name: second }, data: { value: runs } });
    });
  await Promise.all([cross("a", "b"), cross("b", "a")]);
  expect(runs).toBe(3);
});

test("serializable increments under contention lose nothing", async () => {
  await system.setting.update({ where: { name: "a" }, data: { value: 0 } });
  const increment = () =>
    inTransaction(
      system,
      async (transaction) => {
        const { value } = await transaction.setting.findUniqueOrThrow({ where: { name: "a" } });
        await transaction.setting.update({ where: { name: "a" }, data: { value: Number(value) + 1 } });
      },
      { isolationLevel: "Serializable", maxAttempts: 50 },
    );
  await Promise.all(Array.from({ length: 8 }, increment));
  expect((await system.setting.findUniqueOrThrow({ where: { name: "a" } })).value).toBe(8);
});

test("retries are bounded, and other errors are not retried", async () => {
  let runs = 0;
  const conflict = Object.assign(new Error("write conflict"), { code: "P2034" });
  const failWith = (error: Error) => () => {
    runs += 1;
    return Promise.reject(error);
  };
  await expect(withTenant(app, "ten_a", failWith(conflict), { maxAttempts: 3, sleep: noSleep })).rejects.toBe(conflict);
  expect(runs).toBe(3);
  runs = 0;
  const other = new Error("a bug");
  await expect(withTenant(app, "ten_a", failWith(other), { sleep: noSleep })).rejects.toBe(other);
  expect(runs).toBe(1);
});

test("a transaction that could not start for want of a connection is tried once more", async () => {
  const single = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system, poolSize: 1 });
  const order: string[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const holder = inTransaction(single.system, async () => held);
  const waiter = inTransaction(single.system, async () => order.push("ran"), {
    maxWaitMs: 100,
    sleep: async () => {
      order.push("could not start");
      release();
      await holder;
    },
  });
  await waiter;
  expect(order).toEqual(["could not start", "ran"]);
  await single.close();
});

test("a duplicate key is not a conflict", async () => {
  const error = await system.setting.create({ data: { name: "a", value: 1 } }).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "P2002" });
  expect(isConflict(error)).toBe(false);
});

test("a listener whose connection is cut listens again and says so", async () => {
  const heard: string[] = [];
  let reconnects = 0;
  const listener = createListener({
    url: database.urls.system,
    applicationName: "listener-under-test",
    onNotify: (_channel, payload) => heard.push(payload),
    onReconnect: () => {
      reconnects += 1;
    },
  });
  await listener.listen("one");
  await system.$executeRaw`select pg_notify('one', 'before')`;
  await expect.poll(() => heard).toEqual(["before"]);
  await runSql(
    database.superuserUrl,
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener-under-test'",
  );
  await expect.poll(() => reconnects).toBe(1);
  await system.$executeRaw`select pg_notify('one', 'after')`;
  await expect.poll(() => heard).toEqual(["before", "after"]);
  await listener.close();
  // Its backend ends a moment after the connection.
  const left = () => system.$queryRaw`select pid from pg_stat_activity where application_name = 'listener-under-test'`;
  await expect.poll(left).toEqual([]);
});
