import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "@portolan/domain";
import pg from "pg";
import { loadMigrations, type MigrationFile } from "./migration-files.ts";

export interface MigrateOptions {
  /** Connection string of the owner role. */
  url: string;
  /** Default: this repository's. */
  migrations?: readonly MigrationFile[];
  log?: (line: string) => void;
  /** How long to wait for another starter's migration; default 120 s. */
  lockWaitMs?: number;
}

/** Prisma's own table, so that its tools read our history. */
const historyTable = `create table if not exists _prisma_migrations (
  id varchar(36) primary key not null,
  checksum varchar(64) not null,
  finished_at timestamptz,
  migration_name varchar(255) not null,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz not null default now(),
  applied_steps_count integer not null default 0
)`;

/** "PORT" and "MIGR" in ASCII: any pair of numbers that nobody else uses. */
const lockKeys = [0x504f5254, 0x4d494752];

/**
 * Applies what is missing, each migration and its history row in one transaction: a crash leaves it done or not begun.
 * (Prisma's engine runs a script statement by statement, split at every semicolon, and writes the row afterwards; a
 * crash between the two needs a person, and functions can't be written.) Starters wait for each other.
 * @returns the names that were applied now.
 * @throws DomainError `unavailable` when another starter holds the lock too long; `internal` when a migration fails,
 * was changed after it was applied, or the database is newer than these migrations.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const migrations = options.migrations ?? (await loadMigrations());
  const client = new pg.Client({ connectionString: options.url, application_name: "portolan-migrator" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await takeLock(client, options.lockWaitMs ?? 120_000);
    await client.query("set client_min_messages = warning");
    await client.query(historyTable);
    const pending = toPending(migrations, await loadHistory(client));
    for (const migration of pending) {
      options.log?.(`migration ${migration.name}`);
      await applyOne(client, migration);
    }
    return pending.map(({ name }) => name);
  } finally {
    // The lock belongs to the session and ends with it.
    await client.end().catch(() => undefined);
  }
}

async function takeLock(client: pg.Client, waitMs: number): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1, $2) as taken", lockKeys);
    if (rows[0]?.taken === true) return;
    if (Date.now() > deadline) {
      throw new DomainError({
        code: "unavailable",
        message: "Another process is migrating the database.",
        hint: "Wait until it has ended, then start again.",
        retryable: true,
      });
    }
    await sleep(25);
  }
}

interface HistoryRow {
  migration_name: string;
  checksum: string;
}

async function loadHistory(client: pg.Client): Promise<HistoryRow[]> {
  const { rows } = await client.query<HistoryRow>(
    `select migration_name, checksum from _prisma_migrations
      where finished_at is not null and rolled_back_at is null order by migration_name`,
  );
  return rows;
}

function toPending(migrations: readonly MigrationFile[], history: readonly HistoryRow[]): MigrationFile[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of history) {
    const migration = known.get(row.migration_name);
    if (migration === undefined) {
      throw new DomainError({
        code: "internal",
        message: `The database has the migration ${row.migration_name}, which this release does not know.`,
        hint: "It was made by a newer release: start that one.",
      });
    }
    if (migration.checksum !== row.checksum) {
      throw new DomainError({
        code: "internal",
        message: `The migration ${row.migration_name} was changed after it had been applied to this database.`,
        hint: "Put the file back as it was and write a new migration; or begin with a new PORTOLAN_HOME.",
      });
    }
  }
  const applied = new Set(history.map((row) => row.migration_name));
  return migrations.filter(({ name }) => !applied.has(name));
}

async function applyOne(client: pg.Client, migration: MigrationFile): Promise<void> {
  await client.query("begin");
  try {
    // Without parameters a script of many statements goes to the server as it is.
    await client.query(migration.sql);
    await client.query(
      `insert into _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       values ($1, $2, $3, now(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw new DomainError({
      code: "internal",
      message: `The migration ${migration.name} failed; the database is as it was before.`,
      detail: error instanceof Error ? error.message : String(error),
      hint: "The log has the reason. Free disk space if there was none, then start again.",
      cause: error,
    });
  }
}
