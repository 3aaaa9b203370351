import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  type PostgresConnectionOptions,
} from "bullmq";
import { Redis, type RedisOptions } from "ioredis";
import type { JobConnection, LinkRole } from "./connection.ts";

/** How queues and workers of one process reach the datastore. */
export interface Link {
  /** For a queue: shares one connection. */
  queueBackend: BackendFactory<IQueueBackend, unknown>;
  /** For a worker: has a connection of its own, because it blocks or listens on it. */
  workerBackend: BackendFactory<IQueueBackend, unknown>;
  prefix: string;
  /** Resolves when the datastore answered; rejects when it can't be used. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const answerMs = 2_000;
/** A worker has nobody waiting for it, and a machine that comes back under load accepts connections slowly. */
const patientMs = 10_000;
const connectMs = (role: LinkRole): number => (role === "producer" ? answerMs : patientMs);

const toPostgresOptions = (
  { connectionString, schema = "bullmq" }: Extract<JobConnection, { kind: "postgres" }>,
  role: LinkRole,
): PostgresConnectionOptions => ({
  connectionString,
  schema,
  application_name: `portolan-jobs-${role}`,
  max: 4,
  // A wake must not pay for a new connection because nobody called for ten seconds.
  idleTimeoutMillis: 0,
  connectionTimeoutMillis: connectMs(role),
  query_timeout: connectMs(role),
  keepAlive: true,
  // The queue is rebuilt from rows after a crash, so its commits need not wait for the disk.
  options: "-c synchronous_commit=off",
});

const openPostgres = (
  connection: Extract<JobConnection, { kind: "postgres" }>,
  role: LinkRole,
  onError: (error: unknown) => void,
): Link => {
  const options = toPostgresOptions(connection, role);
  const root = createPostgresBackend("portolan", { connection: options });
  root.on("error", onError);
  return {
    queueBackend: (name) => root.forQueue(name),
    workerBackend: (name, opts, extra) => createPostgresBackend(name, { ...opts, connection: options }, extra),
    prefix: "",
    ready: () => root.waitUntilReady(),
    close: () => root.close(),
  };
};

const toRedisOptions = (role: LinkRole): RedisOptions => ({
  enableOfflineQueue: role !== "producer",
  maxRetriesPerRequest: role === "producer" ? 1 : null,
  connectTimeout: connectMs(role),
  retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
  keepAlive: 10_000,
});

const openRedis = (
  { url, prefix = "portolan" }: Extract<JobConnection, { kind: "redis" }>,
  role: LinkRole,
  onError: (error: unknown) => void,
): Link => {
  const client = new Redis(url, toRedisOptions(role));
  client.on("error", onError);
  const backend: BackendFactory<IQueueBackend, unknown> = (name, opts, extra) =>
    createRedisBackend(name, { ...opts, connection: client }, extra);
  return {
    queueBackend: backend,
    workerBackend: backend,
    prefix,
    ready: async () => {
      if (client.status === "ready") return;
      await new Promise<void>((resolve, reject) => {
        client.once("ready", resolve);
        client.once("end", () => reject(new Error("the connection was closed")));
      });
    },
    // `quit` would wait for a server that is gone; nothing is in flight any more when a link is closed.
    close: async () => client.disconnect(),
  };
};

/** Opens the datastore side of a producer or consumer. Errors go to `onError`; reconnecting is the link's business. */
export const openLink = (connection: JobConnection, role: LinkRole, onError: (error: unknown) => void): Link =>
  connection.kind === "postgres" ? openPostgres(connection, role, onError) : openRedis(connection, role, onError);
