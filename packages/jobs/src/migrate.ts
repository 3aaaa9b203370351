import { createPostgresBackend, type PostgresConnectionOptions } from "bullmq";
import type { JobConnection } from "./connection.ts";

const identifier = /^[a-z_][a-z0-9_]{0,62}$/;

const quote = (name: string): string => {
  if (!identifier.test(name)) throw new RangeError("not a plain SQL identifier");
  return `"${name}"`;
};

/**
 * Makes or updates BullMQ's schema on Postgres; idempotent and safe in several processes at once; nothing on Redis.
 * The role of `connectionString` owns the schema; roles in `grantTo` may use the queue.
 */
export const migrateJobs = async (
  connection: JobConnection,
  { grantTo = [] }: { grantTo?: readonly string[] } = {},
): Promise<void> => {
  if (connection.kind === "redis") return;
  const { connectionString, schema = "bullmq" } = connection;
  const options: PostgresConnectionOptions = { connectionString, schema, migrate: true, max: 1 };
  const backend = createPostgresBackend("migration", { connection: options });
  backend.on("error", () => undefined);
  try {
    await backend.waitUntilReady();
    const owned = quote(schema);
    for (const role of grantTo.map(quote))
      await backend.connection.pool.query(
        `GRANT USAGE ON SCHEMA ${owned} TO ${role};
         GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA ${owned} TO ${role};
         GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA ${owned} TO ${role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${owned} TO ${role};`,
      );
  } finally {
    await backend.close();
  }
};
