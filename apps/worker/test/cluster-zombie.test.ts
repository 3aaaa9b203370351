import { requireCluster } from "@portolan/testing";
import type { ProxiedCall, Verdict } from "@portolan/testing/cluster";
import { describe, expect, test } from "vitest";
import { type ClusterObject, type ClusterWorker, clusterPlane, toNames } from "./support/cluster-plane.ts";
import { leaseMs } from "./support/plane.ts";
import { settleSlowly } from "./support/settle.ts";
import { changeChain, lastOperation, type TestChain, wishChain } from "./support/wishes.ts";

const required = requireCluster(2);
const plane = required === undefined ? undefined : await clusterPlane(await required.start());

const isAll = process.env["PORTOLAN_CRASHES"] === "all";
/**
 * As addresses are reserved, in mid-apply, and as it asks for a job, which is done and cleared away long since when it
 * wakes.
 */
const few: readonly ((call: ProxiedCall) => boolean)[] = [
  ({ method, path }) => method === "GET" && path.includes("/pods?"),
  ({ method, path }) => method === "PATCH" && path.includes("/networkpolicies/"),
  ({ method, path }) => method === "POST" && path.includes("/jobs?"),
];
const settings = { leaves: 1 };
const startedOnce = { "node/hub-0": 1, "node/leaf-0": 1, "job/hub-0": 1, "job/leaf-0": 1 };

/** Versions of these change as the cluster reports on them. */
const restless = new Set(["StatefulSet", "PersistentVolumeClaim", "PodDisruptionBudget", "ResourceQuota", "Pod"]);

/**
 * Which object each is, and in which version where only a writer changes that. Without jobs: one that comes late may lie
 * there, suspended, where its asker does not hear of it any more; what counts is which pods there were.
 */
const toVersions = (objects: readonly ClusterObject[]): string[] =>
  objects
    .filter(({ kind }) => kind !== "Job")
    .map(({ kind, metadata: { name, uid, resourceVersion, generation } }) =>
      [kind, name, uid, restless.has(kind) ? generation : resourceVersion].join(" "),
    )
    .sort();

/** Holds the request that `isIt` says, for as long as the test wants: its worker sleeps there. */
const holdAt = (worker: ClusterWorker, isIt: (call: ProxiedCall, index: number) => boolean) => {
  let at: string | undefined;
  let release = (): void => {};
  let held = (): void => {};
  let index = 0;
  const isHeld = new Promise<true>((resolve) => {
    held = () => resolve(true);
  });
  const isReleased = new Promise<void>((resolve) => {
    release = resolve;
  });
  worker.proxy.play(async (call): Promise<Verdict> => {
    if (at === undefined && isIt(call, index++)) {
      at = `${call.method} ${call.path.split("?")[0]}`;
      worker.sleep();
      held();
      await isReleased;
      worker.wake();
    }
    return "pass";
  });
  return { isHeld, at: () => at, release: () => release() };
};

describe.skipIf(plane === undefined)("two workers that both believe they hold the lease", () => {
  if (plane === undefined) return;

  const isOver = (chain: TestChain, kind: string) => async (): Promise<boolean> => {
    const last = await lastOperation(plane, chain);
    return last.kind === kind && last.state === "succeeded";
  };

  const startsOf = (chain: TestChain) => plane.starts.of([...chain.placements.values()][0] ?? "");

  /** The sleeper's passes, up to where it sleeps; `undefined`: it never did. */
  const fallAsleep = async (chain: TestChain, isIt: (call: ProxiedCall, index: number) => boolean) => {
    const sleeper = await plane.openWorker();
    const hold = holdAt(sleeper, isIt);
    // After the pass that it slept in it does nothing more.
    const isDone = async (): Promise<boolean> => hold.at() !== undefined || (await isOver(chain, "chain.create")());
    const rest = settleSlowly(plane, sleeper, isDone);
    const isAsleep = await Promise.race([hold.isHeld, rest.then(() => false)]);
    if (!isAsleep) return { sleeper, hold: undefined, rest };
    plane.clock.advance(leaseMs + 1);
    return { sleeper, hold, rest };
  };

  const remove = async (chain: TestChain): Promise<void> => {
    await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
    await settleSlowly(plane, await plane.openWorker(), isOver(chain, "chain.purge"));
    expect(await plane.objectsOf(chain)).toEqual([]);
  };

  /** One sleep and its end. Answers how often the cluster refused the sleeper; `undefined`: it never slept. */
  const sleepThrough = async (isIt: (call: ProxiedCall, index: number) => boolean): Promise<number | undefined> => {
    const chain = await wishChain(plane, { settings });
    const { sleeper, hold, rest } = await fallAsleep(chain, isIt);
    if (hold !== undefined) {
      const at = `asleep at ${hold.at()}`;
      await settleSlowly(plane, await plane.openWorker(), isOver(chain, "chain.create"));
      // A job's pod goes a moment after its operation has ended.
      await expect.poll(async () => toNames(await plane.objectsOf(chain)).join(), { message: at }).not.toMatch(/-job-/);
      const before = toVersions(await plane.objectsOf(chain));
      hold.release();
      await rest;
      expect(toVersions(await plane.objectsOf(chain)), at).toEqual(before);
      expect(startsOf(chain), at).toEqual(startedOnce);
    }
    await remove(chain);
    return hold === undefined ? undefined : sleeper.refusals();
  };

  test("what slept through its lease at a request is refused by the cluster itself", {
    timeout: 7_200_000,
  }, async () => {
    let [places, refusals] = [0, 0];
    for (let place = 0; isAll || place < few.length; place++) {
      const refused = await sleepThrough(isAll ? (_, index) => index === place : (few[place] ?? (() => false)));
      if (refused === undefined) break;
      places += 1;
      refusals += refused;
    }
    expect(places).toBeGreaterThan(isAll ? 100 : few.length - 1);
    // The namespace's fence, not only the database's.
    expect(refusals).toBeGreaterThan(0);
  });

  test("a node's first start that arrives when the chain was paused long since starts nothing", async () => {
    const chain = await wishChain(plane, { settings });
    const isStart = ({ method, path }: ProxiedCall): boolean => method === "POST" && path.includes("/statefulsets?");
    const { sleeper, hold, rest } = await fallAsleep(chain, isStart);
    const other = await plane.openWorker();
    await settleSlowly(plane, other, isOver(chain, "chain.create"));
    const started = startsOf(chain);
    await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
    await settleSlowly(plane, other, isOver(chain, "chain.pause"));
    const before = await plane.objectsOf(chain);
    hold?.release();
    await rest;
    expect(sleeper.refusals()).toBe(1);
    expect(toVersions(await plane.objectsOf(chain))).toEqual(toVersions(before));
    expect(toNames(before).join()).not.toContain("Pod/");
    expect(startsOf(chain)).toEqual(started);
    await remove(chain);
  });
});
