import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createEmbeddedPostgres } from "@portolan/store";
import { killNow, type PlaneProcess, postmasterOf, processesOf, untilNoProcess } from "./processes.ts";
import { until } from "./until.ts";

const ownRoot = fileURLToPath(new URL("../..", import.meta.url));

export type Victim = "api" | "worker" | "gateway" | "postgres" | "anvil" | "everything";

export interface Plane {
  /** Base URLs; the same after each start. */
  readonly api: string;
  readonly gateway: string;
  /** `host:port` of the gateway's TLS listener; another after each start. */
  readonly grpc: string;
  readonly home: string;
  /** What the supervisor has written on standard error so far. */
  log(): string;
  processes(): PlaneProcess[];
  /** Pids of the plane's processes of that name. */
  pids(name: string): number[];
  /** SIGKILL, at this very moment. `everything` takes the supervisor and the chains' nodes along. */
  kill(victim: Victim): void;
  /** After a kill: starts the plane again where its supervisor is gone, and waits until all of it answers. */
  heal(timeoutMs?: number): Promise<void>;
  /** SIGINT to the supervisor, as Ctrl-C; milliseconds until it was gone. Afterwards it can be started again. */
  interrupt(): Promise<number>;
  start(): Promise<void>;
  /** The database's superuser, for what a test must see or bend behind the plane's back. */
  superuserUrl(): Promise<string>;
  /** Stops everything, checks nothing, and removes the home. */
  stop(): Promise<void>;
}

export interface PlaneOptions {
  /** Added to the environment of `up`. */
  env?: { readonly [name: string]: string };
  /** Another checkout than this one. */
  root?: string;
}

interface Ready {
  api: string;
  gateway: string;
  grpc: string;
  home: string;
}

const readyTimeoutMs = 240_000;

const isReady = (value: unknown): value is Ready =>
  typeof value === "object" && value !== null && "api" in value && "gateway" in value && "home" in value;

/** The line that `--json` prints when everything is ready. */
const readyLine = (child: ChildProcess, log: () => string): Promise<Ready> =>
  new Promise((resolve, reject) => {
    let text = "";
    const fail = (why: string) => reject(new Error(`the plane did not start: ${why}\n${log().slice(-4_000)}`));
    const timer = setTimeout(() => fail("no ready line in time"), readyTimeoutMs);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      fail(`it ended (${signal ?? code})`);
    });
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      for (const line of text.split("\n").slice(0, -1)) {
        const value: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
        if (!isReady(value)) continue;
        clearTimeout(timer);
        resolve(value);
      }
    });
  });

const portOf = (url: string): string => new URL(url).port;

const answers = async (url: string): Promise<boolean> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
};

/** The last lines of the supervisor and of each process, for the reader of a failure. */
const tailOfLogs = (home: string, supervisor: string): string =>
  ["supervisor", "api", "worker", "gateway"]
    .map((name) => {
      const path = join(home, "logs", `${name}.log`);
      const text = name === "supervisor" ? supervisor : existsSync(path) ? readFileSync(path, "utf8") : "";
      return `--- ${name}\n${text.trimEnd().split("\n").slice(-8).join("\n")}`;
    })
    .join("\n");

const environmentOf = (extra: PlaneOptions["env"]): NodeJS.ProcessEnv => {
  const { PORTOLAN_HOME: _home, REDIS_URL: _redis, DATABASE_URL: _database, VITEST: _vitest, ...rest } = process.env;
  // Nothing stands by unless a test wants it: most count a chain's nodes.
  return { ...rest, PORTOLAN_STANDBY: "[]", ...extra };
};

/** One real plane: the supervisor as a process of its own with everything under it, in a home that ends with it. */
export const startPlane = async (options: PlaneOptions = {}): Promise<Plane> => {
  const root = options.root ?? ownRoot;
  const home = await mkdtemp(join(tmpdir(), "portolan-journey-"));
  // Postgres' own account has to pass through when the tests run as root.
  await chmod(home, 0o755);
  let text = "";
  let child: ChildProcess | undefined;
  let ready: Ready | undefined;

  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, [join(root, "apps/cli/src/main.ts"), "up", "--bare", "--json"], {
      cwd: root,
      env: {
        ...environmentOf(options.env),
        PORTOLAN_HOME: home,
        PORTOLAN_API_PORT: ready === undefined ? "0" : portOf(ready.api),
        PORTOLAN_GATEWAY_PORT: ready === undefined ? "0" : portOf(ready.gateway),
        PORTOLAN_GRPC_PORT: "0",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    started.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    ready = await readyLine(started, () => text);
  };
  const isGone = (): boolean => child === undefined || child.exitCode !== null || child.signalCode !== null;
  const pids = (name: string): number[] =>
    processesOf(home)
      .filter((found) => found.name === name)
      .map(({ pid }) => pid);
  const url = (name: "api" | "gateway" | "grpc"): string => {
    if (ready === undefined) throw new Error("the plane has not started");
    return ready[name];
  };
  const kill = (victim: Victim): void => {
    const postmaster = postmasterOf(home);
    if (victim === "postgres") killNow(postmaster === undefined ? [] : [postmaster]);
    else if (victim === "everything") killNow(processesOf(home).map(({ pid }) => pid));
    else killNow(pids(victim));
  };
  const isWhole = async (): Promise<boolean> => {
    const names = new Set(processesOf(home).map(({ name }) => name));
    if (!["api", "worker", "gateway", "postgres"].every((name) => names.has(name))) return false;
    const up = await Promise.all([answers(`${url("gateway")}/readyz`), answers(`${url("api")}/readyz`)]);
    return up.every(Boolean);
  };
  const heal = async (timeoutMs = 180_000): Promise<void> => {
    // A killed supervisor is seen to be gone a moment later; what is left of its children goes with it.
    const isBack = async (): Promise<true | undefined> => {
      if (isGone()) await start();
      return (await isWhole()) && !isGone() ? true : undefined;
    };
    await sleep(50);
    await until("the plane answers again", isBack, { timeoutMs, everyMs: 100 }).catch((error: unknown) => {
      const running = processesOf(home).map(({ name, pid }) => `${name} ${pid}`);
      throw new Error(`the plane does not come back; there is ${running.join(", ")}\n${tailOfLogs(home, text)}`, {
        cause: error,
      });
    });
  };
  const interrupt = async (): Promise<number> => {
    const startedAt = performance.now();
    if (child !== undefined && !isGone()) {
      const ended = once(child, "exit");
      child.kill("SIGINT");
      await ended;
    }
    return performance.now() - startedAt;
  };

  const plane: Plane = {
    get api() {
      return url("api");
    },
    get grpc() {
      return url("grpc");
    },
    get gateway() {
      return url("gateway");
    },
    home,
    log: () => text,
    processes: () => processesOf(home),
    pids,
    kill,
    heal,
    interrupt,
    start,
    superuserUrl: async () =>
      (await createEmbeddedPostgres({ dataDir: join(home, "postgres") }).start()).superuserUrl("portolan"),
    stop: async () => {
      const timer = setTimeout(() => child?.kill("SIGKILL"), 90_000);
      await interrupt();
      clearTimeout(timer);
      killNow(processesOf(home).map(({ pid }) => pid));
      await untilNoProcess(home, 30_000);
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await start();
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return plane;
};
