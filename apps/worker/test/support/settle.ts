import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { MovableClock, TestPlane, TestWorker } from "./plane.ts";

const longestTurns = 400;

/** Promise 5: what is not reached is due. Holds after every single pass. */
export const sweep = async (plane: TestPlane): Promise<void> => {
  const lost = await plane.client.$queryRaw<{ id: string }[]>`
    select id from chains where generation > observed_generation and next_at is null
    union all select p.id from parts p join chains c on c.id = p.chain_id
      where p.generation > p.observed_generation and c.next_at is null and c.wish in ('running', 'paused')
    union all select id from placements where generation > observed_generation and next_at is null`;
  expect(lost, "rows that are not reached and not due").toEqual([]);
};

/** Runs a pass over everything that is due now. False: nothing was. */
export const runDue = async (plane: TestPlane, worker: TestWorker): Promise<boolean> => {
  const chains = await plane.coordination.due(500);
  for (const id of chains) await worker.coordinate(id);
  const placements = await plane.centre.due(plane.regions, 500);
  for (const id of placements) await worker.reconcile(id);
  await sweep(plane);
  return chains.length + placements.length > 0;
};

/** When the next row becomes due, or its lease ends. */
const nextDue = async (plane: TestPlane): Promise<Date | null> => {
  const [row] = await plane.client.$queryRaw<{ at: Date | null }[]>`
    select min(at) as at from (
      select greatest(next_at, lease_until) as at from chains where next_at is not null
      union all select greatest(next_at, lease_until) from placements where next_at is not null and work_order is not null) due`;
  return row?.at ?? null;
};

const isQuiet = async (plane: TestPlane): Promise<boolean> => {
  const [row] = await plane.client.$queryRaw<{ open: number }[]>`
    select (select count(*) from operations where state in ('queued', 'running'))::int + (
      select count(*) from chains c where generation > observed_generation and not exists (
        select 1 from operations o where o.target_id = c.id and o.state = 'needsAttention'))::int + (
      select count(*) from parts p join chains c on c.id = p.chain_id where p.generation > p.observed_generation
        and c.wish = 'running' and not exists (
        select 1 from operations o where o.target_id = p.id and o.state = 'needsAttention'))::int + (
      select count(*) from chains where wish = 'deleted' and (purge_at is null or purge_at <= ${plane.clock.now()}))::int as open`;
  return row?.open === 0;
};

/**
 * Runs passes until every operation has ended (or needs attention) and every wish is reached, moving the clock to the
 * next due time whenever nothing is due. Bounded: what does not converge fails.
 */
export const settle = async (
  plane: TestPlane,
  worker: TestWorker = plane.worker(),
  isDone: () => Promise<boolean> = () => isQuiet(plane),
): Promise<void> => {
  for (let turn = 0; turn < longestTurns; turn++) {
    if (await runDue(plane, worker)) continue;
    if (await isDone()) return;
    const at = await nextDue(plane);
    if (at === null) throw new Error("nothing will ever be due again, and it is not quiet");
    plane.clock.advance(Math.max(1, at.getTime() - plane.clock.now().getTime()));
  }
  throw new Error(`not quiet after ${longestTurns} turns`);
};

/** Lets `ms` pass, with every pass that becomes due in it. */
export const runFor = async (plane: TestPlane, ms: number, worker: TestWorker = plane.worker()): Promise<void> => {
  const end = plane.clock.now().getTime() + ms;
  for (let turn = 0; turn < 10 * longestTurns; turn++) {
    if (await runDue(plane, worker)) continue;
    const at = (await nextDue(plane))?.getTime() ?? Number.POSITIVE_INFINITY;
    const now = plane.clock.now().getTime();
    if (at > end) {
      plane.clock.advance(end - now);
      return;
    }
    plane.clock.advance(Math.max(1, at - now));
  }
  throw new Error("passes without an end");
};

/** Real time, which a test may run ahead of: leases end when it says so, programs take what they take. */
export const aheadClock = (): MovableClock => {
  let ahead = 0;
  return {
    now: () => new Date(Date.now() + ahead),
    advance: (ms) => {
      ahead += ms;
    },
  };
};

/** Passes until `isDone`, in real time: programs need theirs. */
export const settleSlowly = async (
  plane: TestPlane,
  worker: TestWorker,
  isDone: () => Promise<boolean>,
  longestMs = 120_000,
): Promise<void> => {
  const end = Date.now() + longestMs;
  while (Date.now() < end) {
    const wasBusy = await runDue(plane, worker);
    if (await isDone()) return;
    if (wasBusy) continue;
    await sleep(100);
    // Back-off is not what is tested here.
    plane.clock.advance(400);
  }
  throw new Error(`not done after ${longestMs} ms`);
};
