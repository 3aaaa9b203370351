import { expect, test } from "vitest";
import { clearPlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { stallAt } from "./support/intercept.ts";
import { leaseMs } from "./support/plane.ts";
import { checkPromises } from "./support/promises.ts";
import { runDue, settle } from "./support/settle.ts";
import { changeChain, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
const longMs = 900_000;
const settings = { leaves: 2 };

/** Passes of a worker until it falls asleep at its gate, or everything has ended. */
const runSleeper = async (gate: ReturnType<typeof stallAt>): Promise<{ isStalled: boolean; rest: Promise<void> }> => {
  const sleeper = plane.worker(gate.gate);
  const rest = settle(plane, sleeper);
  const first = await Promise.race([gate.isStalled.then(() => true), rest.then(() => false)]);
  return { isStalled: first, rest };
};

/**
 * A worker sleeps at its n-th place, longer than its lease; another one takes over and ends the work; then the sleeper
 * goes on, believing that it still holds the lease.
 */
const sleepEverywhere = async (wish: () => Promise<TestChain>, check: (chain: TestChain, at: string) => void) => {
  const stride = process.env["PORTOLAN_CRASHES"] === "all" ? 1 : 3;
  let refused = 0;
  for (let index = 0; ; index += stride) {
    const chain = await wish();
    const gate = stallAt(index);
    const { isStalled, rest } = await runSleeper(gate);
    if (!isStalled) return { places: Math.floor(index / stride), refused };
    plane.clock.advance(leaseMs + 1);
    const other = plane.worker();
    while (await runDue(plane, other));
    await settle(plane, other);
    const at = `${index}, ${gate.at()}`;
    const before = { starts: startCounts(plane, chain), running: runningNodes(plane, chain) };
    gate.resume();
    await rest;
    expect({ starts: startCounts(plane, chain), running: runningNodes(plane, chain) }, at).toEqual(before);
    refused += plane.machines.refused;
    await settle(plane, other);
    await checkPromises(plane, chain, `asleep at ${at}`);
    check(chain, at);
  }
};

test("create: a worker that slept through its lease changes nothing any more", { timeout: longMs }, async () => {
  const { places, refused } = await sleepEverywhere(
    async () => {
      await clearPlane(plane);
      return wishChain(plane, { settings });
    },
    (chain, at) => expect(startCounts(plane, chain), at).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1 }),
  );
  expect(places).toBeGreaterThan(25);
  // Machines themselves refused it, not only the database.
  expect(refused).toBeGreaterThan(0);
});

test("pause: a worker that slept through its lease does not stop what was resumed since", async () => {
  await clearPlane(plane);
  const chain = await wishChain(plane, { settings, plan: "standard" });
  await settle(plane);
  await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
  let resume = () => {};
  let isAsleep = false;
  const sleeper = plane.worker(async (name) => {
    if (name !== "before runtime.stop" || isAsleep) return;
    isAsleep = true;
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
  });
  await plane.worker().coordinate(chain.id);
  const stopping = sleeper.reconcile(chain.placements.get("east") ?? "");
  await expect.poll(() => isAsleep).toBe(true);
  plane.clock.advance(leaseMs + 1);
  await settle(plane);
  await changeChain(plane, chain, { kind: "chain.resume", wish: "running" });
  await settle(plane);
  resume();
  expect(await stopping).toBe("lost");
  expect(plane.machines.refused).toBe(1);
  expect(runningNodes(plane, chain)).toEqual(["hub-0", "leaf-0", "leaf-1"]);
});
