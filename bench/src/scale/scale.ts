import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { findClusterPrograms, startCluster } from "@portolan/testing/cluster";
import type { BenchResult, Claim } from "../bench.ts";
import { type BenchCustomer, signUp } from "../plane.ts";
import { percentile } from "../statistics.ts";
import { type CountingProxy, openCountingProxy } from "./counting-proxy.ts";
import { type Drift, drifts } from "./drifts.ts";
import { regionSlug, type ScalePlane, startScalePlane } from "./plane.ts";

export interface ScaleOptions {
  chains?: number;
  /** How long requests are counted at rest. */
  restSeconds?: number;
  /** Of each kind of drift, one after the other. */
  repairs?: number;
}

const podsPerNode = 50;
const postsAtOnce = 8;
const mebibyte = 1_048_576;
const wideQuota = { chains: 1_000_000, chainsPerApp: 1_000_000, nodes: 1_000_000, storageBytes: 2 ** 53 - 1 };
const sweepGiveUpMs = 300_000;

const say = (line: string): void => void process.stderr.write(`scale: ${line}\n`);

const seconds = (ms: number): number => ms / 1_000;

const until = async <T>(what: string, giveUpMs: number, everyMs: number, look: () => Promise<T | undefined>) => {
  const endsAt = performance.now() + giveUpMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endsAt) throw new Error(`not within ${seconds(giveUpMs)} s: ${what}`);
    await sleep(everyMs);
  }
};

const countOf = async (plane: ScalePlane, where: string, from = "chains"): Promise<number> =>
  Number((await plane.query(`select count(*) as count from ${from} where ${where}`))[0]?.["count"]);

const createChains = async (plane: ScalePlane, customer: BenchCustomer, count: number): Promise<void> => {
  let next = 0;
  const post = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const response = await fetch(`${plane.api}/v1/chains`, {
        method: "POST",
        headers: { authorization: `Bearer ${customer.token}`, "content-type": "application/json" },
        body: JSON.stringify({
          ...{ appId: customer.appId, name: `still ${index}`, framework: "still", plan: "dev" },
          ...{ regions: [regionSlug], hosting: "dedicated", settings: {} },
        }),
      });
      if (response.status !== 202) throw new Error(`POST was answered ${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: postsAtOnce }, post));
};

/** On a busy machine the worker's first look at the region may be cut short; it says so, and looks again. */
const untilRegionIsOpen = (plane: ScalePlane): Promise<true> =>
  until("the region is open", 120_000, 250, async () =>
    (await countOf(plane, "problem is null and seen_at is not null", "regions")) > 0 ? true : undefined,
  );

const untilAllRun = (plane: ScalePlane, count: number): Promise<true> => {
  let told = 0;
  return until(`${count} chains run`, Math.max(300_000, count * 1_500), 500, async () => {
    const running = await countOf(plane, "phase = 'running' and observed_generation = generation");
    if (performance.now() - told > 10_000) {
      told = performance.now();
      say(`${running} of ${count} run`);
    }
    return running === count ? true : undefined;
  });
};

/** Every placement is observed anew and held against its order once: milliseconds until the last one has been. */
const sweep = async (plane: ScalePlane): Promise<number> => {
  const [row] = await plane.query("select now() as now");
  const startedAt = performance.now();
  await until("every placement looked at", sweepGiveUpMs, 250, async () => {
    const left = await plane.query(
      "select 1 from placements where coalesce(reported_at, 'epoch') <= $1::timestamptz limit 1",
      [row?.["now"]],
    );
    return left.length === 0 ? true : undefined;
  });
  return performance.now() - startedAt;
};

const memoryOf = (pid: number, field: "VmRSS" | "VmHWM"): number =>
  (Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024) /
  mebibyte;

/** utime + stime, seconds. */
const processorSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, each) => sum + each, 0);

const inWords = (counts: ReadonlyMap<string, number>, most = 12): string =>
  [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, most)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");

/** The cluster's own count, of everybody: controllers, scheduler and simulated kubelets too. */
const countedByServer = async (proxy: CountingProxy): Promise<number> => {
  const { text } = await proxy.call("GET", "/metrics");
  return [...text.matchAll(/^apiserver_request_total\{.*\} (\S+)$/gm)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
};

interface Rest {
  perSecond: number;
  words: string;
  everybody: number;
  processor: number;
}

const atRest = async (plane: ScalePlane, proxy: CountingProxy, restSeconds: number): Promise<Rest> => {
  const before = await countedByServer(proxy);
  const processorBefore = processorSeconds(plane.workerPid());
  proxy.take();
  const startedAt = performance.now();
  await sleep(restSeconds * 1_000);
  const counts = proxy.take();
  const took = seconds(performance.now() - startedAt);
  return {
    perSecond: total(counts) / took,
    words: inWords(counts),
    everybody: ((await countedByServer(proxy)) - before) / took,
    processor: (processorSeconds(plane.workerPid()) - processorBefore) / took,
  };
};

const repair = async (proxy: CountingProxy, drift: Drift, namespace: string): Promise<number> => {
  const isMended = await drift.make(proxy, namespace);
  const startedAt = performance.now();
  await until(`${drift.name} put right in ${namespace}`, 120_000, 100, async () =>
    (await isMended()) ? true : undefined,
  );
  return performance.now() - startedAt;
};

/** Of placements. */
const namespacesOf = async (proxy: CountingProxy): Promise<string[]> => {
  const { text } = await proxy.call("GET", "/api/v1/namespaces?labelSelector=portolan.dev%2Fplacement&limit=2000");
  return (JSON.parse(text) as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name);
};

const repairAll = async (proxy: CountingProxy, repairs: number): Promise<Map<string, number[]>> => {
  const found = new Map<string, number[]>();
  const namespaces = await namespacesOf(proxy);
  let next = 0;
  for (const drift of drifts) {
    for (let round = 0; round < repairs; round++) {
      const namespace = namespaces[next++ % namespaces.length] ?? "";
      const tookMs = await repair(proxy, drift, namespace);
      found.set(drift.name, [...(found.get(drift.name) ?? []), tookMs]);
    }
    say(`${drift.name}: ${found.get(drift.name)?.map(Math.round).join(" ")} ms`);
  }
  return found;
};

const sumOf = (all: readonly ReadonlyMap<string, number>[]): Map<string, number> => {
  const sum = new Map<string, number>();
  for (const [what, count] of all.flatMap((counts) => [...counts])) sum.set(what, (sum.get(what) ?? 0) + count);
  return sum;
};

/** Waits until nothing was written for 20 s and all was looked at since; the requests until then. */
const untilSteady = async (plane: ScalePlane, proxy: CountingProxy): Promise<Map<string, number>> => {
  const taken = [proxy.take()];
  await until("nothing is written for 20 s", 900_000, 0, async () => {
    await sleep(20_000);
    const counts = proxy.take();
    taken.push(counts);
    say(`20 s: ${inWords(counts, 6) || "no request"}`);
    return [...counts.keys()].some((what) => /^(PATCH|POST|PUT|DELETE)/.test(what)) ? undefined : true;
  }).catch((error: unknown) => say(error instanceof Error ? error.message : "never at rest"));
  await sweep(plane);
  return sumOf(taken);
};

/** One worker and a cluster of simulated nodes: many chains that nobody touches, and what one drift costs. */
export const benchScale = async ({
  chains = 1_000,
  restSeconds = 60,
  repairs = 3,
}: ScaleOptions = {}): Promise<BenchResult> => {
  const { missing } = findClusterPrograms(2);
  if (missing.length > 0)
    return { name: "scale", claims: [], figures: { missing: missing.join(", ") }, method: "not run" };
  const cluster = await startCluster({ level: 2 });
  let proxy: CountingProxy | undefined;
  let plane: ScalePlane | undefined;
  try {
    await cluster.addSimulatedNodes(Math.ceil(chains / podsPerNode));
    proxy = await openCountingProxy(cluster);
    plane = await startScalePlane(proxy.url, cluster.storageClasses.node);
    const customer = await signUp(plane);
    await plane.query("update tenants set quotas = $2 where id = $1", [customer.tenantId, JSON.stringify(wideQuota)]);
    say(`worker ${plane.workerPid()}, ${cluster.runDirectory}`);
    await untilRegionIsOpen(plane);

    proxy.take();
    const startedAt = performance.now();
    await createChains(plane, customer, chains);
    const postedMs = performance.now() - startedAt;
    say(`posted after ${Math.round(postedMs)} ms`);
    await untilAllRun(plane, chains);
    const runningMs = performance.now() - startedAt;
    const creation = proxy.take();
    say(`all run after ${Math.round(runningMs)} ms; ${inWords(creation)}`);
    const peak = memoryOf(plane.workerPid(), "VmHWM");

    await untilSteady(plane, proxy);
    const sweeps = [await sweep(plane), await sweep(plane), await sweep(plane)];
    say(`sweeps: ${sweeps.map(Math.round).join(" ")} ms`);
    const rest = await atRest(plane, proxy, restSeconds);
    say(`at rest: ${rest.perSecond.toFixed(2)}/s: ${rest.words}`);
    const memory = memoryOf(plane.workerPid(), "VmRSS");
    const repaired = await repairAll(proxy, repairs);

    proxy.take();
    await plane.stopWorker();
    const behind = (await namespacesOf(proxy)).slice(-drifts.length);
    const unseen: (() => Promise<boolean>)[] = [];
    for (const [index, drift] of drifts.entries()) unseen.push(await drift.make(proxy, behind[index] ?? ""));
    const restartedAt = performance.now();
    await plane.startWorker();
    const restartedMs = await sweep(plane);
    await until("what was changed without a worker is put right", 900_000, 250, async () =>
      (await Promise.all(unseen.map((isMended) => isMended()))).every(Boolean) ? true : undefined,
    );
    const unseenMs = performance.now() - restartedAt;
    say(`restarted: swept after ${Math.round(restartedMs)} ms, all put right after ${Math.round(unseenMs)} ms`);
    // Every placement is applied once more, one after the other: it goes on for minutes, and is not waited for.
    const restart = proxy.take();
    const afterRestart = await atRest(plane, proxy, Math.min(restSeconds, 30));
    const highest = Math.max(peak, memoryOf(plane.workerPid(), "VmHWM"));

    const claims: Claim[] = [
      { what: `a full drift sweep of ${chains} chains`, value: seconds(Math.max(...sweeps)), bound: 60, unit: "s" },
      ...[...repaired].map(
        ([name, times]): Claim => ({
          what: `${name}, put right after`,
          value: seconds(Math.max(...times)),
          bound: 10,
          unit: "s",
        }),
      ),
      { what: "requests a second at rest", value: rest.perSecond, bound: 20, unit: "/s" },
      { what: "the worker's memory, its highest", value: highest, bound: 512, unit: "MiB" },
    ];
    return {
      name: "scale",
      claims,
      figures: {
        chains,
        "first POST to all running, s": seconds(runningMs),
        "of it the POSTs, s": seconds(postedMs),
        "chains a second": chains / seconds(runningMs),
        "requests a chain until it ran": total(creation) / chains,
        "requests until all ran": inWords(creation),
        "sweeps, s": sweeps.map((ms) => seconds(ms).toFixed(1)).join(" "),
        "requests at rest": rest.words,
        "requests at rest a second, everybody's": rest.everybody,
        "the worker's processors at rest": rest.processor,
        "the worker's memory at rest, MiB": memory,
        "a restarted worker's first sweep, s": seconds(restartedMs),
        "what was changed while there was no worker, put right after its start, s": seconds(unseenMs),
        "requests of a restarted worker until then": inWords(restart),
        "requests a second in the half minute after": afterRestart.perSecond,
        "of them": afterRestart.words,
        "repairs, 95th percentile, s": seconds(percentile([...repaired.values()].flat(), 0.95)),
      },
      method: `a worker, the API and Postgres as processes of their own; a real API server with controllers, scheduler and simulated nodes; chains of one node whose health is what the runtime sees; requests counted by a proxy before the API server; memory: the most resident at any time`,
    };
  } finally {
    await plane?.stop();
    await proxy?.close();
    await cluster.close();
  }
};
