import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { migrateJobs } from "@portolan/jobs";
import { createLogger, silentLogger } from "@portolan/kit";
import { jobsSchema, roleNames } from "@portolan/store";
import type { RequiredCluster, TestCluster } from "@portolan/testing";
import { type ApiProxy, openApiProxy, type Verdict } from "@portolan/testing/cluster";
import { afterAll, beforeAll } from "vitest";
import type { WorkerConfig } from "../../src/config.ts";
import { assembleWorker, type RunningWorker } from "../../src/deps.ts";
import { type ClusterLooker, createLooker, toClusterSettings } from "./cluster-plane.ts";
import { type TestPlane, testPlane } from "./plane.ts";
import { createPodFramework } from "./pod-framework.ts";
import { lastOperation, type TestChain } from "./wishes.ts";

export const regionSlug = "paris";

/** As an installation has it unless told: promises of how long something takes are about this. */
const config = (plane: TestPlane, home: string, regionsFile: string): WorkerConfig => ({
  PORTOLAN_SYSTEM_DATABASE_URL: plane.systemUrl,
  PORTOLAN_HOME: join(home, "worker"),
  PORTOLAN_REGIONS_FILE: regionsFile,
  ...{ PORTOLAN_FORKS: "[]", PORTOLAN_STANDBY: "[]", PORTOLAN_CHAINCODE_PRIVATE: "false" },
  ...{ PORTOLAN_BACKUP_MAX_BYTES: 1_000_000, PORTOLAN_LOG_LEVEL: "error" },
  ...{ PORTOLAN_SWEEP_MS: 5_000, PORTOLAN_LEASE_MS: 15_000 },
  regions: [regionSlug],
});

const writeRegions = async (cluster: TestCluster, proxy: ApiProxy, home: string): Promise<string> => {
  const { kubeconfig, ...rest } = toClusterSettings(cluster, proxy.kubeconfig);
  const place = { name: "Paris", country: "FR", city: "Paris", provider: "own", jurisdiction: "eu", operator: "us" };
  const region = { slug: regionSlug, ...place, runtime: { kind: "kubernetes", kubeconfig, ...rest } };
  const path = join(home, "regions.json");
  await writeFile(path, JSON.stringify([region]), { mode: 0o600 });
  return path;
};

export interface OutagePlane extends TestPlane {
  /** The test's own: it may be harmed. */
  cluster(): TestCluster;
  looker(): ClusterLooker;
  /** Resolves when the fault has begun, which is as the `nth` write after now is on its way. */
  strikeAt(nth: number, begin: () => Promise<void>): Promise<void>;
  /** Whether the region is told of as one that does not answer. */
  isTroubled(): Promise<boolean>;
  /** Resolves when the chain's last operation is of this kind and has ended. */
  untilOver(chain: TestChain, kind: string): Promise<void>;
}

const longestMs = 150_000;

export const until = async (isDone: () => Promise<boolean>, what: string): Promise<void> => {
  const end = Date.now() + longestMs;
  while (!(await isDone())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await sleep(100);
  }
};

/** A whole worker, in real time, and a region on a cluster of its own with simulated nodes. */
export const outagePlane = async (required: RequiredCluster): Promise<OutagePlane> => {
  const plane = await testPlane({
    regions: [regionSlug],
    clock: { now: () => new Date(), advance: () => undefined },
    frameworks: [createPodFramework()],
    runtime: () => {
      throw new Error("the whole worker has its own");
    },
  });
  let cluster: TestCluster;
  let proxy: ApiProxy;
  let worker: RunningWorker | undefined;
  let home = "";
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "portolan-outage-"));
    // The programs' user must get in.
    await chmod(home, 0o755);
    await mkdir(join(home, "worker"), { mode: 0o755 });
    cluster = await required.start({ own: true });
    proxy = await openApiProxy(cluster, home);
    const connection = { kind: "postgres", connectionString: plane.superuserUrl, schema: jobsSchema } as const;
    await migrateJobs(connection, { grantTo: [roleNames.system] });
    const isLoud = process.env["PORTOLAN_TEST_LOG"] === "1";
    const log = isLoud ? createLogger({ name: "worker", level: "info" }) : silentLogger;
    const regionsFile = await writeRegions(cluster, proxy, home);
    worker = await assembleWorker(config(plane, home, regionsFile), log, { frameworks: [createPodFramework()] });
    await worker.start();
  });
  afterAll(async () => {
    await worker?.close({ nodes: false });
    await proxy?.close();
    await cluster?.close();
    await rm(home, { recursive: true, force: true });
  });

  return {
    ...plane,
    cluster: () => cluster,
    looker: () => createLooker(cluster),
    strikeAt: (nth, begin) => {
      let writes = 0;
      return new Promise<void>((resolve, reject) => {
        proxy.play(async ({ method }): Promise<Verdict> => {
          if (method !== "GET" && writes++ === nth) await begin().then(resolve, reject);
          return "pass";
        });
      });
    },
    isTroubled: async () =>
      (await plane.client.region.findUniqueOrThrow({ where: { slug: regionSlug } })).problem !== null,
    untilOver: (chain, kind) =>
      until(async () => {
        const last = await lastOperation(plane, chain);
        return last.kind === kind && !["queued", "running"].includes(last.state);
      }, `${kind} ends`),
  };
};
