import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { edgeRoute } from "../../test/memory-edge.ts";
import { createRouteArrivals } from "./route-arrivals.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const comes = (arrivals: ReturnType<typeof createRouteArrivals>, chainId: string): void =>
  arrivals.listener.onRoute({ route: edgeRoute(1, { chainId }), isSuspect: false }, undefined);

it("wakes who waits for a chain when its route comes, and nobody else", () => {
  const arrivals = createRouteArrivals();
  const done: string[] = [];
  arrivals.wait(
    "chn_1",
    () => true,
    () => done.push("first"),
  );
  arrivals.wait(
    "chn_1",
    () => true,
    () => done.push("second"),
  );
  arrivals.wait(
    "chn_2",
    () => true,
    () => done.push("other"),
  );
  comes(arrivals, "chn_1");
  expect(done).toEqual([]);
  vi.advanceTimersByTime(0);
  expect(done).toEqual(["first", "second"]);
  vi.advanceTimersByTime(1_000);
  expect(done).toEqual(["first", "second", "other"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("keeps who may not see the chain as long as who asks for nobody's, and looks at nothing in between", () => {
  const arrivals = createRouteArrivals({ patienceMs: 150 });
  const isThere = vi.fn(() => false);
  const done = vi.fn();
  arrivals.wait("chn_1", isThere, done);
  vi.advanceTimersByTime(100);
  expect(isThere).not.toHaveBeenCalled();
  comes(arrivals, "chn_1");
  vi.advanceTimersByTime(49);
  expect(done).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2);
  expect(done).toHaveBeenCalledTimes(1);
});

it("does not wait for more than it may, and has room again when they are gone", () => {
  const arrivals = createRouteArrivals({ maxWaiting: 1 });
  const [first, second, third] = [vi.fn(), vi.fn(), vi.fn()];
  arrivals.wait("chn_1", () => true, first);
  arrivals.wait("chn_2", () => true, second);
  vi.advanceTimersByTime(1);
  expect(second).toHaveBeenCalledTimes(1);
  expect(first).not.toHaveBeenCalled();
  comes(arrivals, "chn_1");
  arrivals.wait("chn_3", () => true, third);
  vi.advanceTimersByTime(1);
  expect(first).toHaveBeenCalledTimes(1);
  expect(third).not.toHaveBeenCalled();
});
