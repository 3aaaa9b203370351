import { randomBytes } from "node:crypto";
import { createPasswordHasher } from "@portolan/access";
import { openKeyFile } from "@portolan/custody";
import { createIdSource, systemClock } from "@portolan/domain";
import { migrateJobs } from "@portolan/jobs";
import type { DeclaredRegion } from "@portolan/runtimes";
import {
  bootstrapRoles,
  createClients,
  createEmbeddedPostgres,
  holdsSealedSecrets,
  jobsSchema,
  localRegion,
  migrate,
  seed,
} from "@portolan/store";
import { writeJsonFile } from "../json-file.ts";
import { instanceOf } from "./child-environment.ts";
import type { Home } from "./home.ts";
import { readOperatorFile } from "./home-files.ts";
import type { DatabaseUrls, UpSettings } from "./settings.ts";

export interface RunningDatabase {
  urls: DatabaseUrls;
  /** For the screen: what was started or found. */
  description: string;
  /** Leaves a database of the operator's own alone. */
  stop(options: { graceMs: number }): Promise<void>;
}

/** Starts, or adopts, the embedded Postgres and makes its roles; or takes the operator's own. */
export const startDatabase = async (
  settings: Pick<UpSettings, "database">,
  home: Home,
  log: (line: string) => void,
): Promise<RunningDatabase> => {
  if (settings.database !== undefined) {
    return { urls: settings.database, description: "your own Postgres", stop: async () => undefined };
  }
  const postgres = createEmbeddedPostgres({ dataDir: home.at("postgres"), log });
  let isStopping = false;
  let stopWatching: () => void = () => undefined;
  const running = await postgres.start();
  const watch = (): void => {
    stopWatching = postgres.watch(() => {
      if (isStopping) return;
      log("Postgres is gone; starting it again");
      const again = (pauseMs: number): void => {
        if (isStopping) return;
        postgres.start().then(watch, (error: unknown) => {
          log(`Postgres did not start: ${error instanceof Error ? error.message : "unknown reason"}`);
          setTimeout(() => again(Math.min(pauseMs * 2, 30_000)), pauseMs).unref();
        });
      };
      again(500);
    });
  };
  const stop = async ({ graceMs }: { graceMs: number }): Promise<void> => {
    isStopping = true;
    stopWatching();
    await postgres.stop({ graceMs });
  };
  try {
    const urls = await bootstrapRoles({
      superuserUrl: running.superuserUrl,
      passwordFile: home.at("database-roles.json"),
    });
    watch();
    const verb = running.isAdopted ? "found running" : "started";
    return { urls, description: `embedded Postgres ${verb} on port ${running.port} (pid ${running.pid})`, stop };
  } catch (error) {
    await stop({ graceMs: 5_000 }).catch(() => undefined);
    throw error;
  }
};

/** Brings the schema, the queue's schema, the key-encryption key and the first rows up to date. Idempotent. */
export const prepareDatabase = async (options: {
  urls: DatabaseUrls;
  redisUrl: string | undefined;
  gatewayUrl: string;
  /** Of the regions file. */
  declared: readonly DeclaredRegion[];
  home: Home;
  log: (line: string) => void;
}): Promise<void> => {
  const { urls, home, log } = options;
  await migrate({ url: urls.owner, log });
  if (options.redisUrl === undefined) {
    await migrateJobs({ kind: "postgres", connectionString: urls.system, schema: jobsSchema });
  }
  const clients = createClients({
    appUrl: urls.app,
    systemUrl: urls.system,
    applicationName: "portolan-seed",
    poolSize: 2,
  });
  try {
    // Before operator.json is made: a home that has that one had a key.
    await openKeyFile(home.at("kek"), { mayMake: async () => !(await holdsSealedSecrets(clients.system)) });
    // The file comes first: an account whose password nobody knows would be the worse half.
    const known = await readOperatorFile(home);
    const operator = known ?? { email: "operator@portolan.local", password: randomBytes(24).toString("base64url") };
    if (known === undefined) await writeJsonFile(home.at("operator.json"), operator);
    const hasher = createPasswordHasher();
    const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
    const hasOperator = (await clients.system.tenant.count({ where: { kind: "operator" } })) > 0;
    const own = localRegion(options.gatewayUrl);
    await seed({
      client: clients.system,
      ids: createIdSource({ clock: systemClock, random }),
      clock: systemClock,
      regions: options.declared.some(({ slug }) => slug === own.slug) ? [] : [own],
      // One gateway on this machine serves them all.
      declared: {
        source: instanceOf(home.path),
        regions: options.declared.map(({ runtime, ...region }) => ({
          ...region,
          runtime: runtime.kind,
          gatewayUrl: options.gatewayUrl,
        })),
      },
      // The API listens on loopback only; whoever reaches it is on this machine.
      signupMode: "open",
      // The hash is made slow on purpose, so only when it is needed.
      ...(hasOperator
        ? {}
        : { operator: { email: operator.email, passwordHash: await hasher.hash(operator.password), country: "ZZ" } }),
    });
  } finally {
    await clients.close();
  }
};

/** Chains that should run and of which no worker has reported since `since`. */
export const countStarting = async (systemUrl: string, since: Date): Promise<number> => {
  const clients = createClients({
    appUrl: systemUrl,
    systemUrl,
    applicationName: "portolan-up",
    poolSize: 1,
  });
  try {
    const { chain, placement } = clients.system;
    const wished = await chain.findMany({ where: { wish: "running", isStandby: false }, select: { id: true } });
    const reported = await placement.findMany({
      where: { reportedAt: { gte: since } },
      select: { chainId: true },
      distinct: ["chainId"],
    });
    const known = new Set(reported.map(({ chainId }) => chainId));
    return wished.filter(({ id }) => !known.has(id)).length;
  } finally {
    await clients.close();
  }
};
