import { setTimeout as sleep } from "node:timers/promises";
import type { PlacementObservation } from "@portolan/domain";
import { requireCluster, type TestCluster } from "@portolan/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { toNames } from "./support/cluster-plane.ts";
import { outagePlane, until } from "./support/outage-plane.ts";
import { type Change, changeChain, lastOperation, operationsOf, type TestChain, wishChain } from "./support/wishes.ts";

const required = requireCluster(2);
const isAll = process.env["PORTOLAN_CRASHES"] === "all";
/** Beyond what a region needs to be told of as one that does not answer: watches and calls rest their longest then. */
const longerMs = isAll ? 60_000 : 0;
/** So long after a fault's end every operation has ended: the promise, not what is usual. */
const promisedMs = 60_000;
/** Of the thirty-two writes that make a chain. */
const midApply = 12;
const settings = { leaves: 1 };

interface Fault {
  /** It lasts until the region is told of as one that does not answer, and passes there are put off. */
  isLong: boolean;
  begin(cluster: TestCluster): Promise<void>;
  end(cluster: TestCluster): Promise<void>;
  /** What else of the cluster begins anew with it. */
  after?(cluster: TestCluster): Promise<void>;
}

/** How the API server fails, and how it is well again. */
const faults: { [name: string]: Fault } = {
  killed: {
    isLong: isAll,
    begin: (cluster) => cluster.killApiServer(),
    end: (cluster) => cluster.startApiServer(),
    after: (cluster) => cluster.restartControllers(),
  },
  "black-holed": {
    isLong: true,
    begin: (cluster) => cluster.freezeApiServer(),
    end: (cluster) => cluster.thawApiServer(),
  },
};

const update = (greeting: string): Change => ({
  kind: "chain.update",
  wish: "running",
  settings: { ...settings, greeting },
});
const pause: Change = { kind: "chain.pause", wish: "paused" };
const resume: Change = { kind: "chain.resume", wish: "running" };
const remove: Change = { kind: "chain.delete", wish: "deleted" };

/** A wish that is made while the API server is away, and the operation that is the last when it is fulfilled. */
interface Wish {
  chain: TestChain;
  change: Change;
  lastKind: string;
}

describe.skipIf(required === undefined)("a cluster whose API server fails in mid-apply", async () => {
  if (required === undefined) return;
  const plane = await outagePlane(required);
  const make = (): Promise<TestChain> => wishChain(plane, { settings });
  let chains: { changed: TestChain; rested: TestChain; doomed: TestChain };
  let usual: string[];

  const observed = async (chain: TestChain): Promise<PlacementObservation> => {
    const row = await plane.client.placement.findFirstOrThrow({ where: { chainId: chain.id } });
    return row.observation as unknown as PlacementObservation;
  };

  /** How long after the fault's end an operation ended, which it has done as it should. */
  const tookMs = async (chain: TestChain, kind: string, endedAt: number): Promise<number> => {
    await plane.untilOver(chain, kind);
    const operation = (await operationsOf(plane, chain)).findLast((each) => each.kind === kind);
    expect([kind, operation?.state]).toEqual([kind, "succeeded"]);
    return (operation?.endedAt?.getTime() ?? Number.POSITIVE_INFINITY) - endedAt;
  };

  /** One fault, in the middle of a chain's making, and wishes that come while it lasts. Answers the chain made. */
  const endure = async (name: string, wishes: readonly Wish[]): Promise<TestChain> => {
    const fault = faults[name];
    if (fault === undefined) throw new Error(name);
    const struck = plane.strikeAt(midApply, () => fault.begin(plane.cluster()));
    const created = await make();
    await struck;
    let endedAt = 0;
    try {
      for (const { chain, change } of wishes) await changeChain(plane, chain, change);
      if (fault.isLong) await until(plane.isTroubled, "the region is told of as one that does not answer");
      await sleep(longerMs);
      expect((await lastOperation(plane, created)).state).toBe("running");
    } finally {
      await fault.end(plane.cluster());
      endedAt = Date.now();
      await fault.after?.(plane.cluster());
    }
    const all = [{ chain: created, lastKind: "chain.create" }, ...wishes];
    const took = await Promise.all(all.map(({ chain, lastKind }) => tookMs(chain, lastKind, endedAt)));
    console.info(`${name}, ms after its end: ${all.map(({ lastKind }, at) => `${lastKind} ${took[at]}`).join(", ")}`);
    expect(Math.max(...took)).toBeLessThan(promisedMs);
    await until(async () => !(await plane.isTroubled()), "the region is well");

    await expectAsUsual(created);
    const { nodes } = await observed(created);
    expect(nodes.map(({ node, incarnation, restarts }) => [node, incarnation, restarts])).toEqual([
      ["hub-0", 1, 0],
      ["leaf-0", 1, 0],
    ]);
    const material = await plane.client.material.findMany({ where: { chainId: created.id } });
    expect(material.filter(({ version }) => version > 1)).toEqual([]);
    return created;
  };

  const expectAsUsual = (chain: TestChain): Promise<void> =>
    expect.poll(async () => toNames(await plane.looker().objectsOf(chain))).toEqual(usual);
  const expectGone = (chain: TestChain): Promise<void> =>
    expect.poll(() => plane.looker().objectsOf(chain)).toEqual([]);

  beforeAll(async () => {
    const [changed, rested, doomed] = [await make(), await make(), await make()];
    chains = { changed, rested, doomed };
    for (const chain of Object.values(chains)) await plane.untilOver(chain, "chain.create");
    usual = toNames(await plane.looker().objectsOf(changed)).filter((name) => !name.includes("-job-"));
  });

  const name = "every operation ends in its time and nothing is made twice: killed, then black-holed";
  test(name, { timeout: 600_000 }, async () => {
    const { changed, rested, doomed } = chains;
    const created = await endure("killed", [
      { chain: changed, change: update("killed"), lastKind: "chain.update" },
      { chain: rested, change: pause, lastKind: "chain.pause" },
      { chain: doomed, change: remove, lastKind: "chain.purge" },
    ]);
    await expectAsUsual(changed);
    await expect
      .poll(async () => toNames(await plane.looker().objectsOf(rested)))
      .toEqual(usual.filter((name) => !name.startsWith("Pod/")));
    await expectGone(doomed);

    await endure("black-holed", [
      { chain: changed, change: update("black-holed"), lastKind: "chain.update" },
      { chain: rested, change: resume, lastKind: "chain.resume" },
      { chain: created, change: remove, lastKind: "chain.purge" },
    ]);
    await expectAsUsual(changed);
    await expectAsUsual(rested);
    await expectGone(created);
  });
});
