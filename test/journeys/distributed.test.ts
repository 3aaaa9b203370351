import { setTimeout as sleep } from "node:timers/promises";
import { createTestRedis, type TestRedis } from "@portolan/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, chainBody, createChain, finish, signUp } from "../support/customer.ts";
import { rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const redis: TestRedis | undefined = await createTestRedis();

/** Every operation ends within this once Redis is back, on a busy machine too. */
const endMs = 180_000;

describe.skipIf(redis === undefined)("the queue on Redis", () => {
  let plane: Plane;
  let customer: Customer;

  const flush = async (): Promise<void> => {
    const client = new Redis(redis?.url ?? "", { lazyConnect: true });
    await client.connect();
    await client.flushall();
    client.disconnect();
  };
  const create = (name: string) => customer.sdk.chains.create({ body: chainBody(customer, { name }) });
  const remove = async (chainId: string) =>
    finish(customer.sdk, (await customer.sdk.chains.delete({ params: { chain: chainId } })).id, endMs);

  beforeAll(async () => {
    plane = await startPlane({ env: { REDIS_URL: redis?.url ?? "" } });
    customer = await signUp(plane);
  });
  afterAll(async () => {
    await plane?.stop();
    await redis?.stop();
  });

  it("the main journey: create, call, pause, resume, bill, delete", async () => {
    const client = new Redis(redis?.url ?? "");
    const chain = await createChain(plane, customer);
    // It is Redis that the plane's queue is on.
    expect((await client.keys("*")).length).toBeGreaterThan(0);
    client.disconnect();
    const height = Number(await rpc(chain.url, "eth_blockNumber"));
    await rpc(chain.url, "evm_mine");
    expect(Number(await rpc(chain.url, "eth_blockNumber"))).toBe(height + 1);
    const params = { chain: chain.id };
    await finish(customer.sdk, (await customer.sdk.chains.pause({ params })).id);
    await expect.poll(() => rpc(chain.url, "eth_blockNumber").catch(String)).toMatch(/paused/);
    await finish(customer.sdk, (await customer.sdk.chains.resume({ params })).id);
    expect(Number(await until("it answers", () => rpc(chain.url, "eth_blockNumber")))).toBe(height + 1);
    const billed = async () => {
      const { lines } = await customer.sdk.bills.get({ params: { app: customer.appId } });
      return lines.find(({ sku, subject }) => sku === "rpc.compute" && subject.id === chain.id)?.quantity;
    };
    // One block mined and three heights read, at least.
    await until("the calls are on the bill", async () => Number((await billed()) ?? 0) >= 130 || undefined, {
      timeoutMs: 120_000,
    });
    await remove(chain.id);
  });

  it("FLUSHALL in mid-provision, again and again: every operation ends", async () => {
    const asked = await Promise.all(["a", "b", "c", "d"].map(create));
    for (let time = 0; time < 10; time++) {
      await flush();
      await sleep(100);
    }
    for (const { id } of asked) await finish(customer.sdk, id, endMs);
    await Promise.all(asked.map(({ target }) => remove(target.id)));
  });

  it("Redis killed for ten seconds in mid-provision: the API takes wishes, every operation ends", async () => {
    const before = await Promise.all(["e", "f"].map(create));
    await sleep(150);
    await redis?.kill();
    const during = await Promise.all(["g", "h"].map(create));
    await sleep(10_000);
    await redis?.restart();
    const back = Date.now();
    for (const { id } of [...before, ...during]) await finish(customer.sdk, id, endMs);
    expect(Date.now() - back).toBeLessThan(endMs);
    const [first] = during;
    if (first === undefined) throw new Error("nothing was created");
    const url = `${plane.gateway}/${first.target.id}/${customer.secret}`;
    expect(await until("it answers", () => rpc(url, "eth_chainId"))).toMatch(/^0x/);
    await Promise.all([...before, ...during].map(({ target }) => remove(target.id)));
  });
});
