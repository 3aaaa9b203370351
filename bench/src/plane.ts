import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createPortolan, type PortolanClient } from "@portolan/sdk";
import { createEmbeddedPostgres } from "@portolan/store";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface BenchPlane {
  api: string;
  gateway: string;
  home: string;
  /** Pid of the plane's own process. */
  pid(name: "api" | "worker" | "gateway"): number;
  /** Command line of the chain's node that runs with this home; the newest if there are several. */
  nodeCommand(program: string): string[] | undefined;
  superuserUrl(): Promise<string>;
  stop(): Promise<void>;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const findProcesses = (marker: string): { pid: number; command: string[] }[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && read(`/proc/${pid}/environ`).includes(marker))
    .map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`).split("\0").slice(0, -1) }));

/**
 * The whole plane as `npm start -- --bare` makes it, in a home of its own; `env` is
 * added to its environment. Linux only: it reads /proc.
 */
export const startBenchPlane = async (env: { readonly [name: string]: string } = {}): Promise<BenchPlane> => {
  const home = await mkdtemp(join(tmpdir(), "portolan-bench-"));
  await chmod(home, 0o755);
  const { REDIS_URL: _redis, DATABASE_URL: _database, PORTOLAN_STANDBY: _standby, ...environment } = process.env;
  const child = spawn(process.execPath, [join(root, "apps/cli/src/main.ts"), "up", "--bare", "--json"], {
    env: {
      ...environment,
      PORTOLAN_HOME: home,
      PORTOLAN_API_PORT: "0",
      PORTOLAN_GATEWAY_PORT: "0",
      PORTOLAN_GRPC_PORT: "0",
      PORTOLAN_LOG_LEVEL: "warn",
      ...env,
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGINT");
      await ended;
    }
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  const ready = await new Promise<{ api: string; gateway: string }>((resolve, reject) => {
    let text = "";
    child.once("exit", (code) => reject(new Error(`the plane did not start (code ${code})`)));
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const line = text.split("\n").find((each) => each.startsWith("{") && each.endsWith("}"));
      if (line !== undefined) resolve(JSON.parse(line));
    });
  }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    api: ready.api,
    gateway: ready.gateway,
    home,
    pid: (name) => {
      const script = `apps/${name}/src/main.ts`;
      const found = findProcesses(`PORTOLAN_HOME=${home}`).find(({ command }) => command.join(" ").includes(script));
      if (found === undefined) throw new Error(`${name} does not run`);
      return found.pid;
    },
    nodeCommand: (program) =>
      findProcesses(`PORTOLAN_HOME_DIR=${home}/`)
        .map(({ command }) => command)
        .filter(([path]) => path?.endsWith(`/${program}`))
        .at(-1),
    superuserUrl: async () =>
      (await createEmbeddedPostgres({ dataDir: join(home, "postgres") }).start()).superuserUrl("portolan"),
    stop,
  };
};

export interface BenchCustomer {
  sdk: PortolanClient;
  tenantId: string;
  appId: string;
  secret: string;
  token: string;
}

export const signUp = async (plane: { api: string }): Promise<BenchCustomer> => {
  const sdk = createPortolan({ baseUrl: plane.api });
  const { tenant, token } = await sdk.signup.create({
    body: {
      portal: "global",
      email: `bench-${crypto.randomUUID()}@example.org`,
      password: `bench ${crypto.randomUUID()}`,
      country: "FR",
      tenant: { name: "Bench" },
    },
  });
  if (token === undefined) throw new Error("a signup answers with its token");
  sdk.setCredential({ token });
  const app = await sdk.apps.create({ body: { name: "bench" } });
  const key = await sdk.keys.create({ params: { app: app.id }, body: { name: "bench", scopes: ["rpc", "rpc:dev"] } });
  return { sdk, tenantId: tenant.id, appId: app.id, secret: key.secret ?? "", token };
};

export const chainRequest = (appId: string, name = "bench") => ({
  appId,
  name,
  framework: "anvil",
  plan: "dev",
  regions: ["local"],
  hosting: "dedicated" as const,
  settings: {},
});
