import type { Lease } from "@portolan/contract";
import { createLogger } from "@portolan/kit";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLeaseKeeper } from "./keep-leases.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const leaseMs = 15_000;
const log = createLogger({ name: "test", level: "silent" });
const leases = Array.from({ length: 20 }, (_, index): Lease => ({ placementId: `plc_${index}`, fence: 7n }));

/** Work that lasts until it is told to end. */
const open = () => {
  const ends: (() => void)[] = [];
  const signals: AbortSignal[] = [];
  const work = (signal: AbortSignal): Promise<void> => {
    signals.push(signal);
    return new Promise((resolve) => ends.push(resolve));
  };
  return { work, signals, endAll: () => ends.forEach((end) => void end()) };
};

test("as many passes as run ask with one call, several times within a lease; without a pass nobody asks", async () => {
  const calls: (readonly Lease[])[] = [];
  const renew = async (asked: readonly Lease[]) => {
    calls.push(asked);
    return { lost: [] };
  };
  const keeper = createLeaseKeeper({ centre: { renew }, leaseMs, log });
  const { work, endAll } = open();
  const passes = leases.map((lease) => keeper.keep(lease, work));
  await vi.advanceTimersByTimeAsync(leaseMs - 1);
  expect(calls).toEqual([leases, leases, leases, leases]);
  endAll();
  await Promise.all(passes);
  await vi.advanceTimersByTimeAsync(leaseMs);
  expect(calls).toHaveLength(4);
});

test("a lost lease aborts its own pass and no other; a turn that fails aborts none", async () => {
  let answer = () => Promise.reject<{ lost: Lease[] }>(new Error("no connection"));
  const keeper = createLeaseKeeper({ centre: { renew: () => answer() }, leaseMs, log });
  const { work, signals, endAll } = open();
  const passes = leases.slice(0, 2).map((lease) => keeper.keep(lease, work));
  await vi.advanceTimersByTimeAsync(leaseMs / 5);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  // Another fence of the same placement is another lease.
  answer = () =>
    Promise.resolve({
      lost: [
        { placementId: "plc_0", fence: 6n },
        { placementId: "plc_1", fence: 7n },
      ],
    });
  await vi.advanceTimersByTimeAsync(leaseMs / 5);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  endAll();
  await Promise.all(passes);
});
