import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { createAuthenticator, createPasswordHasher, createSessionTokens, loadSigningKey } from "@portolan/access";
import { createCustody, type KekProvider, openKeyFile } from "@portolan/custody";
import { createIdSource, DomainError, systemClock } from "@portolan/domain";
import {
  createRegistry,
  type Framework,
  type OperatorConfig,
  parseForks,
  parseStandby,
  toCatalogue,
  toOperatorConfig,
  toStandbyTarget,
  toTenantRegistries,
} from "@portolan/frameworks";
import { createJobProducer, type JobConnection, toJobConnection } from "@portolan/jobs";
import { createHealth, createMetrics, isPublicEndpoint, type ServerLogger, type Shutdown } from "@portolan/kit";
import {
  createClients,
  createListener,
  idempotencyRepository,
  inTransaction,
  jobsSchema,
  operationRepository,
} from "@portolan/store";
import type { FastifyInstance } from "fastify";
import { buildApp } from "./app.ts";
import type { ApiConfig } from "./config.ts";
import { createCredentialLookups } from "./credential-lookups.ts";
import { toGrpcAddress } from "./grpc-address.ts";
import { createUpdateHub, logChannel, operationChannel } from "./update-hub.ts";

const pruneEveryMs = 600_000;

const toConnection = (config: ApiConfig): JobConnection =>
  toJobConnection({
    redisUrl: config.REDIS_URL,
    databaseUrl: config.PORTOLAN_JOBS_DATABASE_URL ?? config.PORTOLAN_SYSTEM_DATABASE_URL,
    schema: jobsSchema,
  });

/** The forwarder runs beside the workers; here it only matters that forks are offered at all. */
const toOperator = (config: ApiConfig): OperatorConfig => {
  const networks = parseForks(config.PORTOLAN_FORKS);
  const operator =
    networks.length === 0 ? toOperatorConfig(networks) : toOperatorConfig(networks, "http://forwarder.invalid");
  const mayDial = config.PORTOLAN_CHAINCODE_PRIVATE === "true" ? () => true : isPublicEndpoint;
  return {
    ...operator,
    ...toCatalogue(config.PORTOLAN_CHAINCODES),
    ...toTenantRegistries(config.PORTOLAN_TENANT_REGISTRIES),
    externalChaincode: { mayDial },
  };
};

/** One secret file, two keys: what signs sessions must not be what anything else is computed with. */
const deriveKey = (key: Uint8Array, purpose: string): Uint8Array => createHmac("sha256", key).update(purpose).digest();

/**
 * The key-encryption key, read when it is first needed: only exports, imports and credentials for registries ask for it,
 * and an API that is started without it serves all else. Never made here.
 */
const createLateKeks = (path: string): KekProvider => {
  const open = async () => {
    try {
      return await openKeyFile(path, { mayMake: async () => false });
    } catch (error) {
      throw new DomainError({
        code: "custody.unavailable",
        message: "The API can't read the key that this plane's secrets are sealed with.",
        hint: "Ask the operator: it is the file kek of the workers, which the API needs in its PORTOLAN_HOME too.",
        detail: error instanceof Error ? error.message : "unreadable",
      });
    }
  };
  return {
    current: async () => (await open()).current(),
    byId: async (id) => (await open()).byId(id),
  };
};

/**
 * Joins everything the API consists of and registers what it opens with `shutdown`, in the order of opening.
 * `frameworks`: besides those that ship with Portolan; the workers must have the same.
 */
export const assembleApi = async (
  config: ApiConfig,
  log: ServerLogger,
  shutdown: Pick<Shutdown, "register" | "signal">,
  more: { frameworks?: readonly Framework[] } = {},
): Promise<FastifyInstance> => {
  const clock = systemClock;
  const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
  const ids = createIdSource({ clock, random });
  const key = await loadSigningKey(join(config.PORTOLAN_HOME, "sessions.key"));
  const clients = createClients({
    appUrl: config.PORTOLAN_APP_DATABASE_URL,
    systemUrl: config.PORTOLAN_SYSTEM_DATABASE_URL,
    poolSize: config.PORTOLAN_API_POOL,
    applicationName: "portolan-api",
  });
  shutdown.register("database", () => clients.close());
  const metrics = createMetrics({ hasProcessMetrics: true });
  const jobs = createJobProducer(toConnection(config), { log, metrics });
  shutdown.register("queue", () => jobs.close());
  void jobs.warm(["chains"]);
  const updates = createUpdateHub({
    loadOperations: (wanted) =>
      inTransaction(clients.system, (transaction) => operationRepository.byIds(transaction, wanted)),
    onError: (err) => log.warn({ err }, "operations could not be read"),
  });
  shutdown.register("updates", () => updates.close());
  const listener = createListener({
    url: config.PORTOLAN_SYSTEM_DATABASE_URL,
    onNotify: updates.notify,
    onReconnect: updates.resync,
    log: (line) => log.warn(line),
    applicationName: "portolan-api-listener",
  });
  shutdown.register("listener", () => listener.close());
  await Promise.all([listener.listen(operationChannel), listener.listen(logChannel)]);
  const pruning = setInterval(() => {
    inTransaction(clients.system, (transaction) => idempotencyRepository.prune(transaction, clock.now())).catch(
      (err: unknown) => log.warn({ err }, "old idempotency records could not be removed"),
    );
  }, pruneEveryMs).unref();
  shutdown.register("pruning", () => clearInterval(pruning));
  const health = createHealth();
  health.addCheck("database", () => clients.system.$queryRaw`select 1`);
  const frameworks = createRegistry(more.frameworks);
  const standby = parseStandby(config.PORTOLAN_STANDBY).flatMap(
    (entry) => toStandbyTarget(entry, (slug) => frameworks.find(slug)) ?? [],
  );
  const tokens = createSessionTokens({ signingKey: deriveKey(key, "session tokens"), clock });
  const grpcAddress = toGrpcAddress(config);
  return buildApp({
    clients,
    clock,
    ids,
    random,
    frameworks,
    operator: toOperator(config),
    standby,
    jobs,
    tokens,
    passwords: createPasswordHasher(),
    authenticator: createAuthenticator({ tokens, clock, lookups: createCredentialLookups({ clients, clock }) }),
    custody: createCustody({ kek: createLateKeks(join(config.PORTOLAN_HOME, "kek")) }),
    updates,
    health,
    metrics,
    log,
    limits: config.limits,
    ...(grpcAddress === undefined ? {} : { grpcAddress }),
    requestHashKey: deriveKey(key, "idempotency"),
    trustedProxies: config.trustedProxies,
    signal: shutdown.signal,
  }).then((app) => {
    app.addHook("onListen", async () => health.setReady(true));
    shutdown.register("http", () => {
      health.setReady(false);
      return app.close();
    });
    return app;
  });
};
