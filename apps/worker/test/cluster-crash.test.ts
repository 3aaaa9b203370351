import { requireCluster } from "@portolan/testing";
import type { ProxiedCall, Verdict } from "@portolan/testing/cluster";
import { describe, expect, test } from "vitest";
import { type ClusterObject, type ClusterWorker, clusterPlane, toNames } from "./support/cluster-plane.ts";
import { Crash } from "./support/intercept.ts";
import { leaseMs } from "./support/plane.ts";
import { settleSlowly } from "./support/settle.ts";
import { type Change, changeChain, lastOperation, operationsOf, type TestChain, wishChain } from "./support/wishes.ts";

const required = requireCluster(2);
const plane = required === undefined ? undefined : await clusterPlane(await required.start());

/** `all`, or from which of the places on: `all/72`. */
const [crashes, from = "0"] = (process.env["PORTOLAN_CRASHES"] ?? "").split("/");
const isAll = crashes === "all";
const fewRounds = 2;
const settings = { leaves: 1 };
const nodes = ["hub-0", "leaf-0"];

interface Act {
  name: string;
  /** Absent: the chain is made. */
  change?: Change;
  /** The kind of the operation that is the last when all is over. */
  lastKind: string;
  /** How many pods of each node it starts. */
  starts: number;
}

/** A chain's life: in each act a worker may die. */
const acts: readonly Act[] = [
  { name: "create", lastKind: "chain.create", starts: 1 },
  {
    name: "change",
    change: { kind: "chain.update", wish: "running", settings: { ...settings, greeting: "good evening" } },
    lastKind: "chain.update",
    starts: 1,
  },
  { name: "pause", change: { kind: "chain.pause", wish: "paused" }, lastKind: "chain.pause", starts: 0 },
  { name: "resume", change: { kind: "chain.resume", wish: "running" }, lastKind: "chain.resume", starts: 1 },
  { name: "delete", change: { kind: "chain.delete", wish: "deleted" }, lastKind: "chain.purge", starts: 0 },
];

const isWrite = ({ method }: ProxiedCall): boolean => method !== "GET";

/** What keeps its identity for as long as the chain lives: data, addresses, and what makes the pods. */
const lasting = new Set(["Namespace", "Service", "PersistentVolumeClaim", "StatefulSet"]);

const toLasting = (objects: readonly ClusterObject[]): { [name: string]: string } =>
  Object.fromEntries(
    objects
      .filter(({ kind }) => lasting.has(kind))
      .map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.uid] as const)
      .sort(),
  );

/** Kills a worker before (even places) or after (odd ones) one of the requests with which it changes the cluster. */
const killAt = (worker: ClusterWorker, place: number): void => {
  let writes = 0;
  worker.proxy.play((call): Verdict => {
    if (worker.diedAt() !== null) return "cut";
    if (!isWrite(call) || writes++ !== Math.floor(place / 2)) return "pass";
    const path = call.path.split("?")[0];
    if (place % 2 === 1) return { passThen: "cut", heard: () => worker.die(`after ${call.method} ${path}`) };
    worker.die(`before ${call.method} ${path}`);
    return "cut";
  });
};

describe.skipIf(plane === undefined)("on a real API server", () => {
  if (plane === undefined) return;

  const isOver = (chain: TestChain, act: Act) => async (): Promise<boolean> => {
    const { kind, state } = await lastOperation(plane, chain);
    return kind === act.lastKind && !["queued", "running"].includes(state);
  };

  const wish = async (act: Act, chain: TestChain | undefined): Promise<TestChain> => {
    if (chain === undefined || act.change === undefined) return wishChain(plane, { settings });
    await changeChain(plane, chain, act.change);
    return chain;
  };

  const placementOf = (chain: TestChain): string => [...chain.placements.values()][0] ?? "";
  const startsOf = (chain: TestChain): { [pod: string]: number } => plane.starts.of(placementOf(chain));

  const expectPhase = async (chain: TestChain, act: Act, at: string): Promise<void> => {
    const operations = await operationsOf(plane, chain);
    for (const { kind, state } of operations) expect([kind, state], at).toEqual([kind, "succeeded"]);
    const row = await plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } });
    expect(row.observedGeneration, at).toBe(row.generation);
    const material = await plane.client.material.findMany({ where: { chainId: chain.id } });
    expect(material.filter(({ version }) => version > 1).length, at).toBe(0);
    expect(
      material.filter(({ name }) => name === "genesis"),
      at,
    ).toHaveLength(act.name === "delete" ? 0 : 1);
  };

  /** One life, with `around` for what befalls each act. Answers what there was after each. */
  const live = async (
    around: (act: Act, chain: TestChain) => Promise<string>,
    usual?: ReadonlyMap<string, readonly string[]>,
  ): Promise<Map<string, readonly string[]>> => {
    const names = new Map<string, readonly string[]>();
    let chain: TestChain | undefined;
    let uids: { [name: string]: string } = {};
    let namespace = "";
    for (const act of acts) {
      const before = chain === undefined ? {} : startsOf(chain);
      chain = await wish(act, chain);
      const living = chain;
      const at = `${act.name}, ${await around(act, chain)}`;
      await expectPhase(chain, act, at);
      // What is on its way out when an operation ends (a job's pod, a volume) may take a moment more.
      if (usual !== undefined)
        await expect
          .poll(async () => toNames(await plane.objectsOf(living)), { message: at })
          .toEqual(usual.get(act.name));
      const objects = await plane.objectsOf(chain);
      names.set(act.name, toNames(objects));
      const wanted = Object.fromEntries([
        ...nodes.map((node) => [`node/${node}`, (before[`node/${node}`] ?? 0) + act.starts] as const),
        ...nodes.map((node) => [`job/${node}`, 1] as const),
      ]);
      try {
        await expect.poll(() => startsOf(living), { message: at }).toEqual(wanted);
      } catch (error) {
        throw new Error(`${at}\n${plane.starts.tell(placementOf(living))}`, { cause: error });
      }
      if (act.name === "create") {
        uids = toLasting(objects);
        namespace = objects.find(({ kind }) => kind === "Namespace")?.metadata.name ?? "";
      } else if (act.name !== "delete") expect(toLasting(objects), at).toEqual(uids);
    }
    await expect.poll(() => plane.volumesOf(namespace)).toEqual([]);
    return names;
  };

  /** The first worker up to its death, and another one that takes over. Answers where it was. */
  const withDeath = async (act: Act, chain: TestChain, place: number): Promise<string> => {
    const victim = await plane.openWorker();
    killAt(victim, place);
    try {
      await settleSlowly(plane, victim, isOver(chain, act));
    } catch (error) {
      if (!(error instanceof Crash) && victim.diedAt() === null) throw error;
    }
    if (victim.diedAt() === null) return "nobody died";
    plane.clock.advance(leaseMs + 1);
    await settleSlowly(plane, await plane.openWorker(), isOver(chain, act));
    return `${place}, ${victim.diedAt()}`;
  };

  let usual: ReadonlyMap<string, readonly string[]> = new Map();
  /** Act → requests that change the cluster. */
  const writes = new Map<string, number>();

  test("an undisturbed life", async () => {
    usual = await live(async (act, chain) => {
      const worker = await plane.openWorker();
      await settleSlowly(plane, worker, isOver(chain, act));
      writes.set(act.name, worker.proxy.calls.filter(isWrite).length);
      return "undisturbed";
    });
    expect(usual.get("delete")).toEqual([]);
    expect(usual.get("create")).toContain("StatefulSet/hub-0");
  });

  test("a worker may die before and after every request that changes the cluster", { timeout: 3_600_000 }, async () => {
    const most = 2 * Math.max(...writes.values());
    const rounds = isAll ? most : fewRounds;
    let deaths = 0;
    for (let round = isAll ? Number(from) : 0; round < rounds; round++) {
      await live(async (act, chain) => {
        const places = 2 * (writes.get(act.name) ?? 0);
        const at = await withDeath(act, chain, isAll ? round % places : Math.floor((round * places) / rounds));
        if (at !== "nobody died") deaths += 1;
        return at;
      }, usual);
    }
    expect(deaths).toBeGreaterThan((rounds - (isAll ? Number(from) : 0)) * (acts.length - 1));
  });

  test("an answer that is lost after the API server has done it makes nothing twice", async () => {
    const lost = new Map<string, number>();
    await live(async (act, chain) => {
      const worker = await plane.openWorker();
      let count = 0;
      worker.proxy.play((call) => {
        if (!isWrite(call) || call.count > 0) return "pass";
        count += 1;
        return { passThen: "cut" };
      });
      try {
        await settleSlowly(plane, worker, isOver(chain, act));
      } finally {
        worker.proxy.play(() => "pass");
      }
      lost.set(act.name, count);
      return "every first answer lost";
    }, usual);
    expect(Math.min(...lost.values())).toBeGreaterThan(0);
    expect(lost.get("create")).toBeGreaterThan(15);
  });
});
