import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DomainError, type JsonObject, systemClock } from "@portolan/domain";
import { silentLogger } from "@portolan/kit";
import { createProgramFinder, createRuntime, type Runtime } from "@portolan/runtimes";
import type { TestCluster } from "@portolan/testing";
import { type ApiProxy, openApiProxy } from "@portolan/testing/cluster";
import { afterAll } from "vitest";
import { createLateRuntime } from "../../src/late-runtime.ts";
import { Crash, type Gate } from "./intercept.ts";
import { type TestPlane, type TestWorker, testPlane } from "./plane.ts";
import { createPodFramework } from "./pod-framework.ts";
import { type PodStarts, watchPodStarts } from "./pod-starts.ts";
import { aheadClock } from "./settle.ts";
import type { TestChain } from "./wishes.ts";

const run = promisify(execFile);

/** One worker with a proxy of its own before the API server. */
export interface ClusterWorker extends TestWorker {
  proxy: ApiProxy;
  /** Until it wakes it renews no lease. What it has begun may arrive. */
  sleep(): void;
  wake(): void;
  /** From now on it reaches nothing, and nothing comes back to it. */
  die(at: string): void;
  /** Where it died. */
  diedAt(): string | null;
  /** Writes that the cluster's fence has refused it. */
  refusals(): number;
}

export interface ClusterObject {
  kind: string;
  metadata: { name: string; uid: string; resourceVersion: string; generation?: number };
}

export interface ClusterLooker {
  /** Everything in the namespaces of a chain, and these themselves. */
  objectsOf(chain: TestChain): Promise<ClusterObject[]>;
  /** Names of volumes whose claims are or were in a namespace. */
  volumesOf(namespace: string): Promise<string[]>;
}

export interface ClusterPlane extends TestPlane, ClusterLooker {
  openWorker(): Promise<ClusterWorker>;
  /** Every pod that there ever was. */
  starts: PodStarts;
}

/** Names without what is hashed into them, each as often as it is there. */
export const toNames = (objects: readonly ClusterObject[]): string[] =>
  objects
    .filter(({ kind }) => kind !== "Namespace")
    .map(({ kind, metadata }) => `${kind}/${metadata.name.replace(/-[0-9a-f]{8,}$/, "-#")}`)
    .sort();

export const toClusterSettings = (cluster: TestCluster, kubeconfig: string): JsonObject => ({
  kubeconfig,
  storageClass: cluster.storageClasses.node,
  worker: [{ cidr: "127.0.0.1/32" }],
  gateway: [{ cidr: "127.0.0.1/32" }],
});

/** What dies with a worker is also what it waits for: calls that it has begun never come back to it. */
const mortal = (runtime: Runtime, death: Promise<never>, onRefusal: () => void): Runtime =>
  new Proxy(runtime, {
    get: (target, property, receiver) => {
      const member: unknown = Reflect.get(target, property, receiver);
      if (typeof member !== "function" || property === "logs" || property === "watch") return member;
      return async (...parameters: unknown[]) => {
        const call: Promise<unknown> = Reflect.apply(member, target, parameters);
        call.catch((error: unknown) => {
          if (error instanceof DomainError && error.code === "runtime.fence_stale") onRefusal();
        });
        return Promise.race([call, death]);
      };
    },
  });

const everyKind =
  "statefulsets,services,pods,jobs,configmaps,secrets,persistentvolumeclaims,networkpolicies,limitranges," +
  "resourcequotas,poddisruptionbudgets";

/** What the API server has, as its administrator sees it. */
export const createLooker = (cluster: TestCluster): ClusterLooker => {
  const list = async (...args: string[]): Promise<ClusterObject[]> => {
    const command = ["--kubeconfig", cluster.adminKubeconfigPath, "get", ...args, "-o", "json"];
    const { stdout } = await run(cluster.kubectl, command, { maxBuffer: 64 << 20 });
    return stdout === "" ? [] : (JSON.parse(stdout) as { items: ClusterObject[] }).items;
  };
  return {
    objectsOf: async (chain: TestChain): Promise<ClusterObject[]> => {
      const ids = [...chain.placements.values()].join(",");
      const namespaces = await list("namespaces", "-l", `portolan.dev/placement in (${ids})`);
      const inside = await Promise.all(namespaces.map(({ metadata }) => list(everyKind, "-n", metadata.name)));
      return [...namespaces, ...inside.flat().filter(({ metadata }) => metadata.name !== "kube-root-ca.crt")];
    },
    volumesOf: async (namespace: string): Promise<string[]> => {
      const volumes = (await list("persistentvolumes")) as (ClusterObject & {
        spec: { claimRef?: { namespace: string } };
      })[];
      return volumes.filter(({ spec }) => spec.claimRef?.namespace === namespace).map(({ metadata }) => metadata.name);
    },
  };
};

/** The plane with one region, `paris`, on a test cluster with simulated nodes: a real API server, pods nobody runs. */
export const clusterPlane = async (cluster: TestCluster): Promise<ClusterPlane> => {
  const directory = await mkdtemp(join(tmpdir(), "portolan-cluster-plane-"));
  const proxies: ApiProxy[] = [];
  const runtimes = new WeakMap<Gate, () => Runtime>();
  const plane = await testPlane({
    regions: ["paris"],
    clock: aheadClock(),
    frameworks: [createPodFramework()],
    runtime: (gate) => {
      const make = runtimes.get(gate);
      if (make === undefined) throw new Error("workers of this plane come from openWorker");
      return make();
    },
  });
  const openProxy = async (): Promise<ApiProxy> => {
    const proxy = await openApiProxy(cluster, directory);
    proxies.push(proxy);
    return proxy;
  };
  const starts = await watchPodStarts(await openProxy());
  afterAll(async () => {
    await starts.close();
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await rm(directory, { recursive: true, force: true });
  });

  const openWorker = async (): Promise<ClusterWorker> => {
    const proxy = await openProxy();
    let diedAt: string | null = null;
    let refusals = 0;
    let isAsleep = false;
    let kill = (_: Crash): void => {};
    const death = new Promise<never>((_, reject) => {
      kill = reject;
    });
    death.catch(() => undefined);
    const gate: Gate = async () => {
      if (diedAt !== null) throw new Crash(diedAt);
    };
    const deps = {
      home: directory,
      clock: systemClock,
      log: silentLogger,
      programs: createProgramFinder({ searchPath: "" }),
    };
    runtimes.set(gate, () => {
      const make = () => createRuntime("kubernetes", toClusterSettings(cluster, proxy.kubeconfig), deps);
      return mortal(createLateRuntime(make, deps), death, () => {
        refusals += 1;
      });
    });
    return {
      ...plane.worker(gate, { isAsleep: () => isAsleep }),
      proxy,
      sleep: () => {
        isAsleep = true;
      },
      wake: () => {
        isAsleep = false;
      },
      die: (at) => {
        diedAt ??= at;
        kill(new Crash(diedAt));
      },
      diedAt: () => diedAt,
      refusals: () => refusals,
    };
  };
  return { ...plane, openWorker, starts, ...createLooker(cluster) };
};
