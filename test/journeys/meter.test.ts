import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, signUp } from "../support/customer.ts";
import { seededDraw, seedOfRun } from "../support/draw.ts";
import { rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane, type Victim } from "../support/plane.ts";
import { createProxiedChain } from "../support/proxied-chain.ts";
import type { RpcItem } from "../support/recording-proxy.ts";
import { publishedWeight, startLoad } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const wanted = Number(process.env["PORTOLAN_METER_CALLS"] ?? 20_000);
const seed = seedOfRun();

let plane: Plane;
let customer: Customer;
/** One key has a rate, so the load comes with several. */
let secrets: string[];

beforeAll(async () => {
  plane = await startPlane();
  customer = await signUp(plane);
  const more = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      customer.sdk.keys.create({
        params: { app: customer.appId },
        body: { name: `load ${index}`, scopes: ["rpc", "rpc:dev"] },
      }),
    ),
  );
  secrets = more.map(({ secret }) => String(secret));
});
afterAll(() => plane?.stop());

const weightOf = (items: readonly RpcItem[]): number => items.reduce((sum, item) => sum + publishedWeight(item), 0);

const billedUnits = async (chainId: string): Promise<number> => {
  const { lines } = await customer.sdk.bills.get({ params: { app: customer.appId } });
  return lines
    .filter(({ sku, subject }) => sku === "rpc.compute" && subject.id === chainId)
    .reduce((sum, { quantity }) => sum + Number(quantity), 0);
};

const meteredCalls = async (chainId: string): Promise<Map<string, number>> => {
  const { items } = await customer.sdk.usage.get({
    params: { app: customer.appId },
    query: { groupBy: "method", subject: chainId, sku: "rpc.compute" },
  });
  const counts = new Map<string, number>();
  for (const { method, count } of items) {
    if (method !== undefined) counts.set(method, (counts.get(method) ?? 0) + Number(count));
  }
  // What the gateway answers by itself is counted at zero; no node ever saw it.
  counts.delete("rpc_modules");
  return counts;
};

const countByMethod = (items: readonly RpcItem[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const { method } of items) counts.set(method, (counts.get(method) ?? 0) + 1);
  return counts;
};

const sorted = (counts: ReadonlyMap<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
const total = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0);

/** Windows of ten seconds, then shipping, on a busy machine: what is not on the bill after this will never be. */
const settleMs = 120_000;
/** What is on the bill too much comes with the next window at the latest. */
const windowMs = 12_000;

const load = async (chainId: string, isEnough: () => boolean) => {
  const draw = seededDraw(seed);
  const urls = secrets.map((secret) => `${plane.gateway}/${chainId}/${secret}`);
  const accounts = (await rpc(String(urls[0]), "eth_accounts")) as string[];
  return startLoad({ urls, lanesPerUrl: 3, draw, accounts, isEnough });
};

describe(`the bill against a recording proxy before the node (seed ${seed})`, () => {
  it(`agrees to the unit over ${wanted} mixed forwarded calls`, async () => {
    const { chain, proxy, stop } = await createProxiedChain(plane, customer);
    try {
      const { done, codes } = await load(chain.id, () => proxy.answered.length >= wanted);
      await done;
      const units = weightOf(proxy.answered);
      await until("the bill has all of it", async () => (await billedUnits(chain.id)) >= units || undefined, {
        timeoutMs: settleMs,
        everyMs: 500,
      }).catch(() => undefined);
      await sleep(windowMs);
      expect(await billedUnits(chain.id)).toBe(units);
      expect(sorted(await meteredCalls(chain.id))).toEqual(sorted(countByMethod(proxy.answered)));
      expect(proxy.answered.length).toBeGreaterThanOrEqual(wanted);
      // The mix has been what it claims to be: refusals of several kinds, none of them on the bill.
      expect([...codes.keys()]).toEqual(expect.arrayContaining(["method.denied", "request.invalid"]));
    } finally {
      await stop();
    }
  });

  it("with kill -9 of gateway, worker and Postgres differs by no more than what was in flight", async () => {
    const { chain, proxy, stop } = await createProxiedChain(plane, customer);
    try {
      const draw = seededDraw(seed + 1);
      let isOver = false;
      const { done, inFlight } = await load(chain.id, () => isOver);
      const lost: RpcItem[] = [];
      const victims: Victim[] = ["gateway", "postgres", "worker", "gateway", "gateway", "postgres"];
      for (const victim of victims) {
        await sleep(500 + draw() * 3_000);
        // Only the gateway has calls in its hands.
        if (victim === "gateway") lost.push(...inFlight());
        plane.kill(victim);
        await plane.heal();
      }
      await sleep(3_000);
      isOver = true;
      await done;
      const units = weightOf(proxy.answered);
      const calls = proxy.answered.length;
      const isThere = async () => total(await meteredCalls(chain.id)) >= calls - lost.length || undefined;
      await until("the calls are metered", isThere, { timeoutMs: settleMs, everyMs: 500 }).catch(() => undefined);
      await sleep(windowMs);
      const metered = total(await meteredCalls(chain.id));
      expect(calls).toBeGreaterThan(1_000);
      expect(Math.abs(metered - calls), `metered ${metered}, answered ${calls}`).toBeLessThanOrEqual(lost.length);
      expect(Math.abs((await billedUnits(chain.id)) - units)).toBeLessThanOrEqual(weightOf(lost));
    } finally {
      await stop();
    }
  });
});
