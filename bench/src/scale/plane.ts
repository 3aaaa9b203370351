import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdSource, systemClock } from "@portolan/domain";
import { migrateJobs } from "@portolan/jobs";
import { memoryEnvironment } from "@portolan/kit";
import { type DeclaredRegion, writeRegionsFile } from "@portolan/runtimes";
import {
  bootstrapRoles,
  createClients,
  createEmbeddedPostgres,
  type DatabaseUrls,
  jobsSchema,
  migrate,
  type Query,
  runSql,
  seed,
} from "@portolan/store";

export interface ScalePlane {
  api: string;
  workerPid(): number;
  /** SIGTERM; resolves when it is gone. */
  stopWorker(): Promise<void>;
  /** Another process; resolves when it is ready. */
  startWorker(): Promise<void>;
  query: Query;
  stop(): Promise<void>;
}

export const regionSlug = "cluster";

const prepare = async (urls: DatabaseUrls, region: DeclaredRegion): Promise<void> => {
  await migrate({ url: urls.owner });
  await migrateJobs({ kind: "postgres", connectionString: urls.system, schema: jobsSchema });
  const clients = createClients({ appUrl: urls.app, systemUrl: urls.system, applicationName: "bench", poolSize: 2 });
  try {
    const random = { bytes: (size: number) => crypto.getRandomValues(new Uint8Array(size)) };
    const { runtime, ...rest } = region;
    await seed({
      client: clients.system,
      ids: createIdSource({ clock: systemClock, random }),
      clock: systemClock,
      regions: [],
      declared: { source: "bench", regions: [{ ...rest, runtime: runtime.kind, gatewayUrl: "http://127.0.0.1:9" }] },
      signupMode: "open",
    });
  } finally {
    await clients.close();
  }
};

const toRegion = (kubeconfig: string, storageClass: string): DeclaredRegion => ({
  ...{ slug: regionSlug, name: "Cluster", country: "FR", city: "Paris", provider: "bench", jurisdiction: "eu" },
  operator: "operator",
  runtime: {
    kind: "kubernetes",
    kubeconfig,
    storageClass,
    worker: [{ cidr: "127.0.0.1/32" }],
    gateway: [{ cidr: "127.0.0.1/32" }],
  },
});

const toKubeconfig = (server: string): object => ({
  ...{ apiVersion: "v1", kind: "Config", "current-context": "bench" },
  clusters: [{ name: "bench", cluster: { server, "insecure-skip-tls-verify": true } }],
  contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
  users: [{ name: "bench", user: {} }],
});

/** A process of the plane with its log in the home; its ready message. */
const start = async (
  script: string,
  home: string,
  env: NodeJS.ProcessEnv,
): Promise<{ child: ChildProcess; port: number }> => {
  const logFile = join(home, `${script}.log`);
  const log = openSync(logFile, "a");
  const flags = script.startsWith("worker") ? (process.env["PORTOLAN_BENCH_WORKER_FLAGS"] ?? "").split(" ") : [];
  const args = [...flags.filter((flag) => flag !== ""), join(import.meta.dirname, script)];
  const child = spawn(process.execPath, args, {
    env,
    cwd: home,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () =>
      reject(new Error(`${script} did not start: ${readFileSync(logFile, "utf8").slice(-2_000)}`)),
    );
    child.on("message", (message: { ready?: boolean; port?: number }) => resolve(message.port ?? 0));
  });
  return { child, port };
};

const end = async (child: ChildProcess | undefined): Promise<void> => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(timer);
};

/**
 * Postgres, the API and one worker, each a process of its own, as `npm start` runs them, with one region that is the
 * cluster behind `server`. Their logs are in the home, which goes with them unless `PORTOLAN_BENCH_KEEP` is set.
 */
export const startScalePlane = async (server: string, storageClass: string): Promise<ScalePlane> => {
  const home = await mkdtemp(join(tmpdir(), "portolan-scale-"));
  // Postgres' own account has to pass through when this runs as root.
  await chmod(home, 0o755);
  const postgres = createEmbeddedPostgres({ dataDir: join(home, "postgres") });
  let api: ChildProcess | undefined;
  let worker: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all([end(api), end(worker)]);
    await postgres.stop();
    if (process.env["PORTOLAN_BENCH_KEEP"] === undefined) await rm(home, { recursive: true, force: true });
    else process.stderr.write(`kept: ${home}\n`);
  };
  try {
    const { superuserUrl } = await postgres.start();
    const urls = await bootstrapRoles({
      superuserUrl,
      passwordFile: join(home, "database-roles.json"),
    });
    const kubeconfig = join(home, "kubeconfig");
    await writeFile(kubeconfig, JSON.stringify(toKubeconfig(server)), { mode: 0o600 });
    const region = toRegion(kubeconfig, storageClass);
    await writeRegionsFile(join(home, "regions.json"), [region]);
    await prepare(urls, region);
    const { REDIS_URL: _redis, DATABASE_URL: _database, ...environment } = process.env;
    const env = {
      ...environment,
      NODE_ENV: "production",
      PORTOLAN_HOME: home,
      PORTOLAN_LOG_LEVEL: process.env["PORTOLAN_LOG_LEVEL"] ?? "warn",
      PORTOLAN_APP_DATABASE_URL: urls.app,
      PORTOLAN_SYSTEM_DATABASE_URL: urls.system,
      PORTOLAN_API_PORT: "0",
      PORTOLAN_API_LIMITS: "off",
      PORTOLAN_REGIONS: regionSlug,
      PORTOLAN_STANDBY: "[]",
    };
    const startWorker = async (): Promise<void> => {
      worker = (await start("worker-child.ts", home, { ...env, ...memoryEnvironment })).child;
    };
    await startWorker();
    const served = await start("api-child.ts", home, env);
    api = served.child;
    return {
      api: `http://127.0.0.1:${served.port}`,
      workerPid: () => worker?.pid ?? 0,
      stopWorker: () => end(worker),
      startWorker,
      query: async (text, values) => {
        let rows: Awaited<ReturnType<Query>> = [];
        await runSql(superuserUrl("portolan"), async (query) => {
          rows = await query(text, values);
        });
        return rows;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
