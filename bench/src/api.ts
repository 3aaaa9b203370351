import { setTimeout as sleep } from "node:timers/promises";
import { runSql } from "@portolan/store";
import type { BenchResult } from "./bench.ts";
import { type BenchCustomer, type BenchPlane, chainRequest, signUp, startBenchPlane } from "./plane.ts";
import { middle, percentile } from "./statistics.ts";

const perSecond = 50;
const wideQuota = { chains: 1_000_000, chainsPerApp: 1_000_000, nodes: 1_000_000, storageBytes: 2 ** 53 - 1 };

const widen = async (plane: BenchPlane, customer: BenchCustomer): Promise<void> =>
  runSql(await plane.superuserUrl(), async (query) => {
    await query("update tenants set quotas = $2 where id = $1", [customer.tenantId, JSON.stringify(wideQuota)]);
  });

/** Chains that only stand in lists: rows as the reconciler leaves them once a chain runs, without any node. */
const fill = async (plane: BenchPlane, customer: BenchCustomer, count: number): Promise<void> =>
  runSql(await plane.superuserUrl(), async (query) => {
    await query(
      `insert into chains (id, tenant_id, app_id, name, framework, version, plan, hosting, regions, settings, node_count,
                           generation, observed_generation, phase, conditions, has_run)
       select 'chn_' || lpad(translate(to_hex(n), '89', 'gh'), 26, '0'), $1, $2, 'chain ' || n, 'anvil', '1.7.1', 'dev',
              'dedicated', array['local'], '{}', 1, 1, 1, 'running', '[]', true
       from generate_series(1, $3::int) as n`,
      [customer.tenantId, customer.appId, count],
    );
    await query("analyze chains");
  });

interface Sample {
  ms: number;
  status: number;
}

/** One request each 20 ms, whether or not the former ones are done; timed from when it should have gone. */
const openLoop = async (seconds: number, send: (index: number) => Promise<number>): Promise<Sample[]> => {
  const startedAt = performance.now();
  const running: Promise<Sample>[] = [];
  for (let index = 0; index < seconds * perSecond; index++) {
    const intendedAt = startedAt + (index * 1_000) / perSecond;
    const waitMs = intendedAt - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    running.push(send(index).then((status) => ({ status, ms: performance.now() - intendedAt })));
  }
  return Promise.all(running);
};

const post =
  (plane: BenchPlane, customer: BenchCustomer) =>
  async (index: number): Promise<number> => {
    const response = await fetch(`${plane.api}/v1/chains`, {
      method: "POST",
      headers: { authorization: `Bearer ${customer.token}`, "content-type": "application/json" },
      body: JSON.stringify(chainRequest(customer.appId, `chain ${index}`)),
    });
    await response.arrayBuffer();
    return response.status;
  };

const list = (plane: BenchPlane, customer: BenchCustomer) => async (): Promise<number> => {
  const response = await fetch(`${plane.api}/v1/chains?pageSize=100`, {
    headers: { authorization: `Bearer ${customer.token}` },
  });
  const page = (await response.json()) as { items: unknown[] };
  if (page.items.length !== 100) throw new Error(`a page of ${page.items.length}`);
  return response.status;
};

const demand = (samples: readonly Sample[], status: number): number[] => {
  const other = samples.filter((sample) => sample.status !== status);
  if (other.length > 0) throw new Error(`${other.length} of ${samples.length} were answered ${other[0]?.status}`);
  return samples.map(({ ms }) => ms);
};

/** What the API alone takes for a wish: the worker is stopped (SIGSTOP), so that nothing is reconciled beside it. */
export const benchApi = async ({ seconds = 30, chains = 10_000 } = {}): Promise<BenchResult> => {
  const plane = await startBenchPlane();
  const worker = plane.pid("worker");
  try {
    const customer = await signUp(plane);
    const crowded = await signUp(plane);
    await widen(plane, customer);
    await widen(plane, crowded);
    await fill(plane, crowded, chains);
    process.kill(worker, "SIGSTOP");
    await openLoop(3, post(plane, customer));
    const created = demand(await openLoop(seconds, post(plane, customer)), 202);
    const crowdedCreated = demand(await openLoop(10, post(plane, crowded)), 202);
    await openLoop(2, list(plane, crowded));
    const listed = demand(await openLoop(10, list(plane, crowded)), 200);
    return {
      name: "api",
      claims: [
        { what: `create-chain p99 at ${perSecond} a second`, value: percentile(created, 0.99), bound: 100, unit: "ms" },
        { what: `list of 100 of ${chains} chains, p99`, value: percentile(listed, 0.99), bound: 150, unit: "ms" },
      ],
      figures: {
        "create-chain, median ms": middle(created),
        "create-chain, slowest ms": Math.max(...created),
        [`create-chain in the tenant with ${chains} chains, p99 ms`]: percentile(crowdedCreated, 0.99),
        "list, median ms": middle(listed),
        requests: created.length,
      },
      method: `open loop, timed from the intended start, ${seconds} s after 3 s of warming up; worker stopped; no answer but 202`,
    };
  } finally {
    process.kill(worker, "SIGCONT");
    await runSql(await plane.superuserUrl(), "update chains set next_at = null; delete from operations");
    await plane.stop();
  }
};
