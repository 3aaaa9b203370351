import { createPostgresBackend, type PostgresConnectionOptions } from "bullmq";
import type { JobConnection } from "./connection.ts";

const identifier = /^[a-z_][a-z0-9_]{0,62}$/;

const quote = (name: string): string => {
  if (!identifier.test(name)) throw new RangeError("not a plain SQL identifier");
  return `"${name}"`;
};

/** BullMQ makes a sequence for each new queue at run time, as the role that comes first; the others must reach it. */
const renderGrants = (schema: string, roles: readonly string[]): string[] =>
  roles.flatMap((role) => [
    `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`,
    `GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`,
    `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${role}`,
    ...roles
      .filter((other) => other !== role)
      .map(
        (other) =>
          `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} IN SCHEMA ${schema} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO ${other}`,
      ),
  ]);

/**
 * Makes or updates BullMQ's schema on Postgres; idempotent and safe in several processes at once; nothing on Redis.
 * The role of `connectionString` owns the schema; the roles in `grantTo` may use the queue. With more than one of
 * them, the owner must be a superuser or a member of each.
 */
export const migrateJobs = async (
  connection: JobConnection,
  { grantTo = [] }: { grantTo?: readonly string[] } = {},
): Promise<void> => {
  if (connection.kind === "redis") return;
  const { connectionString, schema = "bullmq" } = connection;
  const grants = renderGrants(quote(schema), grantTo.map(quote));
  const options: PostgresConnectionOptions = { connectionString, schema, migrate: true, max: 1 };
  const backend = createPostgresBackend("migration", { connection: options });
  backend.on("error", () => undefined);
  try {
    await backend.waitUntilReady();
    // Under a lock: two processes that grant at once would collide on the same catalog rows.
    if (grants.length > 0)
      await backend.connection.pool.query(
        `BEGIN; SELECT pg_advisory_xact_lock(hashtext('portolan.jobs.grants')); ${grants.join("; ")}; COMMIT`,
      );
  } finally {
    await backend.close();
  }
};
