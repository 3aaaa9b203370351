import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { OperationResource } from "@portolan/contract";
import { type Query, runSql } from "@portolan/store";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Chain, type Customer, chainBody, finish, signUp } from "../support/customer.ts";
import { rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { untilNoProcess } from "../support/processes.ts";
import { until } from "../support/until.ts";

let plane: Plane;
let customer: Customer;
let first: Chain;
let adoptedAt: number;

interface Row {
  id: string;
  tenant_id: string;
  is_standby: boolean;
  wish: string;
  phase: string;
  sealed_for: string | null;
}

const chainRows = async (where = "true"): Promise<Row[]> => {
  let rows: Row[] = [];
  await runSql(await plane.superuserUrl(), async (query: Query) => {
    rows = (await query(`select * from chains where ${where}`)) as unknown as Row[];
  });
  return rows;
};
/** The chain that stands by, ready to be adopted: what the plane itself asks of one. */
const untilOneStandsBy = (): Promise<string> =>
  until(
    "a chain stands by",
    async () =>
      (
        await chainRows(
          `is_standby and wish = 'running' and phase = 'running' and has_run and observed_generation >= generation
           and not dirty and suspected_at is null and route ->> 'state' = 'open'
           and not exists (select from jsonb_array_elements(conditions) e where e ->> 'status' is distinct from 'true')
           and not exists (select from nodes n where n.chain_id = chains.id and (n.state <> 'running' or not n.is_healthy))
           and not exists (select from placements p where p.chain_id = chains.id and (p.problem is not null
             or p.observed_generation < p.generation or p.reported_at is null or p.reported_at < now() - interval '30 seconds'))
           and not exists (select from operations o where o.target_id = chains.id
             and o.state in ('queued', 'running', 'needsAttention'))`,
        )
      )[0]?.id,
    { timeoutMs: 180_000 },
  );
const create = async (name: string): Promise<Chain> => {
  const operation = await customer.sdk.chains.create({ body: chainBody(customer, { name }) });
  const { id } = operation.target;
  return { id, operation, url: `${plane.gateway}/${id}/${customer.secret}` };
};
const isAdopted = ({ operation }: { operation: OperationResource }): boolean => operation.steps[0]?.key === "adopt";
/** The gateway hears of a change within milliseconds, which is not at once. */
const answers = (url: string, method: string, params: unknown[] = []) =>
  until(`${method} is answered`, () => rpc(url, method, params).catch(() => undefined), {
    everyMs: 10,
  });

beforeAll(async () => {
  plane = await startPlane({
    env: { PORTOLAN_STANDBY: '[{"framework":"anvil","plan":"dev","region":"local","count":1}]' },
  });
  customer = await signUp(plane);
});
afterAll(() => plane?.stop());

it("a chain that stands by is nobody's, and is adopted by a creation: it runs and answers at once", async () => {
  const id = await untilOneStandsBy();
  await expect(rpc(`${plane.gateway}/${id}/${customer.secret}`, "eth_chainId")).rejects.toThrow();
  expect((await customer.sdk.chains.list()).items).toEqual([]);
  // It has stood for a while before somebody wants it: that time is not on the bill below.
  await sleep(6_000);

  adoptedAt = Date.now();
  first = await create("mine");
  expect(first.id).toBe(id);
  expect(first.operation).toMatchObject({ state: "succeeded", progress: 1 });
  expect(await customer.sdk.chains.get({ params: { chain: id } })).toMatchObject({ phase: "running", name: "mine" });
  expect(await answers(first.url, "eth_blockNumber")).toBe("0x0");
  const [from] = (await rpc(first.url, "eth_accounts", [])) as string[];
  await rpc(first.url, "eth_sendTransaction", [{ from, to: from, value: "0x1" }]);
  await until("its first block", async () => (await rpc(first.url, "eth_blockNumber")) === "0x1");
});

it("its secrets become its owner's, and the pool is filled again with another chain", async () => {
  const next = await untilOneStandsBy();
  expect(next).not.toBe(first.id);
  await until(
    "the secrets are sealed anew",
    async () => (await chainRows(`id = '${first.id}'`))[0]?.sealed_for === null || undefined,
  );
  expect(plane.pids("anvil")).toHaveLength(2);
});

it("the bill begins with the adoption", async () => {
  const line = await until(
    "node time is on the bill",
    async () =>
      (
        await customer.sdk.usage.get({
          params: { app: customer.appId },
          query: { groupBy: "chain", subject: first.id },
        })
      ).items.find(({ sku }) => sku.startsWith("node.")),
    { timeoutMs: 120_000 },
  );
  const seconds = Number(line.quantity);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual((Date.now() - adoptedAt) / 1_000 + 1);
  const operators = await chainRows("is_standby");
  expect(operators.every(({ tenant_id }) => tenant_id !== customer.tenantId)).toBe(true);
});

it("the plane starts again: an adopted chain keeps its state, one that stands by goes on standing by", async () => {
  const standing = await untilOneStandsBy();
  // The node writes its state down every few seconds.
  await sleep(6_000);
  await plane.interrupt();
  // What stands by stops with the plane, like every other chain.
  expect(await untilNoProcess(plane.home, 10_000)).toEqual([]);
  await plane.start();
  expect(await answers(first.url, "eth_blockNumber")).toBe("0x1");
  expect(await untilOneStandsBy()).toBe(standing);

  const second = await create("second");
  expect(second.id).toBe(standing);
  const ids = [await answers(first.url, "eth_chainId"), await answers(second.url, "eth_chainId")];
  expect(new Set(ids).size).toBe(2);
});

it("processes are killed around a creation: the same chain for the same Idempotency-Key, nobody's and double ones never", async () => {
  for (const [round, victim] of (["api", "worker", "everything"] as const).entries()) {
    await untilOneStandsBy();
    const headers = { "idempotency-key": randomUUID() };
    const post = async (): Promise<OperationResource | undefined> => {
      const response = await fetch(`${plane.api}/v1/chains`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json", authorization: `Bearer ${customer.token}` },
        body: JSON.stringify(chainBody(customer, { name: `round ${round}` })),
      }).catch(() => undefined);
      return response?.status === 202 ? ((await response.json()) as OperationResource) : undefined;
    };
    const sent = post();
    await sleep(4 + round * 6);
    plane.kill(victim);
    const early = await sent;
    await plane.heal();
    const operation = await until("the creation is answered", post, { timeoutMs: 180_000 });
    if (early !== undefined) expect(operation.id).toBe(early.id);
    await finish(customer.sdk, operation.id);
    const url = `${plane.gateway}/${operation.target.id}/${customer.secret}`;
    await until("it answers", () => rpc(url, "eth_chainId").catch(() => undefined));
    const mine = (await customer.sdk.chains.list()).items.filter(({ name }) => name === `round ${round}`);
    expect(mine.map(({ id }) => id)).toEqual([operation.target.id]);
  }
  const rows = await chainRows();
  expect(rows.filter(({ tenant_id, is_standby }) => (tenant_id === customer.tenantId) === is_standby)).toEqual([]);
});

it("an adopted chain is deleted like any other", async () => {
  for (const { id } of (await customer.sdk.chains.list()).items) {
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: { chain: id } })).id);
  }
  await untilOneStandsBy();
  await until("only the chain that stands by runs", async () => plane.pids("anvil").length === 1 || undefined);
  expect(await isAdoptedAgain()).toBe(true);
});

const isAdoptedAgain = async (): Promise<boolean> => isAdopted(await create("last"));
