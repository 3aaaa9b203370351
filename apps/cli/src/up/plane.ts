import { join } from "node:path";
import { loadSigningKey } from "@portolan/access";
import { readRegionsFile } from "@portolan/runtimes";
import { CliFailure, exitCodes } from "../failure.ts";
import { type Child, createChild } from "./child.ts";
import { type ChildName, childEnvironment, instanceOf } from "./child-environment.ts";
import { countStarting, prepareDatabase, type RunningDatabase, startDatabase } from "./database.ts";
import { type Home, makeLogDirectory } from "./home.ts";
import { checkHomeFiles } from "./home-files.ts";
import { awaitLeftOvers } from "./left-overs.ts";
import { claimPort } from "./ports.ts";
import type { UpSettings } from "./settings.ts";

export interface Plane {
  api: string;
  gateway: string;
  /** `host:port` of the gateway's TLS listener. */
  grpc: string;
  /** What runs, one line each. */
  descriptions: readonly string[];
  /** How many chains that should run no worker has looked at since this start. */
  countStarting(): Promise<number>;
  /** In order: gateway, api, worker with its chain nodes, Postgres. */
  stop(): Promise<void>;
  /** From now on without patience; also while `stop` runs. */
  hasten(): void;
}

interface Patience {
  /** Milliseconds that a part may take to stop. */
  graceMs(usual: number): number;
}

const stopOrder: readonly ChildName[] = ["gateway", "api", "worker"];
/** Stopping chain nodes takes their own grace. */
const graceOf: { readonly [name in ChildName]: number } = { gateway: 17_000, api: 12_000, worker: 25_000 };

const stopAll = async (
  children: ReadonlyMap<ChildName, Child>,
  database: RunningDatabase | undefined,
  patience: Patience,
  log: (line: string) => void,
): Promise<void> => {
  for (const name of stopOrder) {
    const child = children.get(name);
    if (child?.pid === undefined) {
      await child?.stop({ graceMs: 0 });
      continue;
    }
    const isClean = await child.stop({
      graceMs: patience.graceMs(graceOf[name]),
      ...(name === "worker" ? { message: { type: "stop", nodes: true } } : {}),
    });
    if (isClean) log(`${name} stopped`);
    else
      log(
        `${name} was killed${name === "worker" ? "; chain nodes may still run and are adopted at the next start" : ""}`,
      );
  }
  await database?.stop({ graceMs: patience.graceMs(10_000) });
  if (database !== undefined) log("database stopped");
};

interface Ports {
  apiPort: number;
  gatewayPort: number;
  grpcPort: number;
}

const claimPorts = async (settings: UpSettings): Promise<Ports> => {
  const apiPort = await claimPort(settings.apiPort, "API", "PORTOLAN_API_PORT");
  const gatewayPort = await claimPort(settings.gatewayPort, "gateway", "PORTOLAN_GATEWAY_PORT");
  const grpcPort = await claimPort(settings.grpcPort, "gateway's gRPC listener", "PORTOLAN_GRPC_PORT");
  if (new Set([apiPort, gatewayPort, grpcPort]).size === 3) return { apiPort, gatewayPort, grpcPort };
  const wished = [settings.apiPort, settings.gatewayPort, settings.grpcPort].filter((port) => port !== 0);
  // Free ports may come out the same by chance; wished ones only by mistake.
  if (new Set(wished).size === wished.length) return claimPorts(settings);
  const shared = wished.find((port, index) => wished.indexOf(port) !== index);
  const isOfBoth = shared === settings.apiPort && shared === settings.gatewayPort;
  throw new CliFailure(
    isOfBoth ? `API and gateway can't both have port ${shared}.` : `Two listeners can't both have port ${shared}.`,
    {
      exitCode: exitCodes.usage,
      hint: isOfBoth
        ? "Set PORTOLAN_API_PORT or PORTOLAN_GATEWAY_PORT to another port (0: any free one)."
        : "Set PORTOLAN_API_PORT, PORTOLAN_GATEWAY_PORT and PORTOLAN_GRPC_PORT to different ports (0: any free one).",
    },
  );
};

/**
 * Starts the database and the three processes, and waits until each is ready. What was started is stopped again when a
 * part of it fails, or when `signal` is aborted meanwhile.
 */
export const startPlane = async (options: {
  settings: UpSettings;
  home: Home;
  log: (line: string) => void;
  signal: AbortSignal;
}): Promise<Plane> => {
  const { settings, home, log, signal } = options;
  const children = new Map<ChildName, Child>();
  let database: RunningDatabase | undefined;
  let isHasty = false;
  const startedAt = new Date();
  const patience: Patience = { graceMs: (usual) => (isHasty ? Math.min(usual, 1_500) : usual) };
  const hasten = (): void => {
    isHasty = true;
    children.get("gateway")?.kill();
    children.get("api")?.kill();
    setTimeout(() => children.get("worker")?.kill(), 3_000).unref();
  };
  try {
    await awaitLeftOvers(instanceOf(home.path), log);
    const { apiPort, gatewayPort, grpcPort } = await claimPorts(settings);
    const gateway = `http://127.0.0.1:${gatewayPort}`;
    // A damaged file is said before anything is made or runs.
    await checkHomeFiles(home);
    await loadSigningKey(home.at("sessions.key"));
    const declared = (await readRegionsFile(settings.regionsFile ?? home.at("regions.json"))) ?? [];
    database = await startDatabase(settings, home, log);
    signal.throwIfAborted();
    const { urls } = database;
    await prepareDatabase({ urls, redisUrl: settings.redisUrl, gatewayUrl: gateway, declared, home, log });
    signal.throwIfAborted();
    await makeLogDirectory(home);
    const input = { settings, home: home.path, urls, apiPort, gatewayPort, grpcPort };
    for (const name of ["api", "worker", "gateway"] as const) {
      children.set(
        name,
        createChild({
          name,
          script: join(settings.root, "apps", name, "src", "main.ts"),
          cwd: home.path,
          env: childEnvironment(name, input),
          logFile: home.at("logs", `${name}.log`),
          log,
        }),
      );
    }
    const started = await Promise.allSettled([...children.values()].map((child) => child.start()));
    const failed = started.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    signal.throwIfAborted();
    const pids = [...children].map(([name, child]) => `${name} ${child.pid}`).join(", ");
    return {
      api: `http://127.0.0.1:${apiPort}`,
      gateway,
      grpc: `127.0.0.1:${grpcPort}`,
      descriptions: [
        database.description,
        `processes ${pids}`,
        ...declared.map(({ slug, name, runtime }) => `region ${slug} (${name}) on ${runtime.kind}`),
      ],
      countStarting: () => countStarting(urls.system, startedAt),
      stop: () => stopAll(children, database, patience, log),
      hasten,
    };
  } catch (error) {
    const hasWorker = children.get("worker")?.pid !== undefined;
    await stopAll(children, database, patience, () => undefined).catch(() => undefined);
    if (children.size > 0 && !hasWorker)
      log("no worker ran to stop chain nodes: those of an earlier run go on, and are adopted at the next start");
    throw error;
  }
};
