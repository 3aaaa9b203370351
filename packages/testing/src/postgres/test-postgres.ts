import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  bootstrapRoles,
  createEmbeddedPostgres,
  type DatabaseUrls,
  hashMigrations,
  loadMigrations,
  migrate,
  runSql,
} from "@portolan/store";
import { afterAll, inject } from "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    /** The one server of this run lives here; the first test that needs it starts it. */
    testPostgresHome: string;
  }
}

export interface TestDatabase {
  name: string;
  /** Connection strings by role, as production has them. */
  urls: DatabaseUrls;
  superuserUrl: string;
  drop(): Promise<void>;
}

export interface TestPostgres {
  superuserUrl(database?: string): string;
  /** A database of its own, migrated unless asked for empty. */
  createDatabase(options?: { isEmpty?: boolean }): Promise<TestDatabase>;
}

/**
 * The run's one server (fsync off), started by whoever needs it first, stopped by the global setup. Migrations run
 * once, into a template that each database is a copy of.
 */
export async function createTestPostgres(): Promise<TestPostgres> {
  const home = inject("testPostgresHome");
  if (home === undefined) {
    throw new Error("vitest.config.ts must name packages/testing/src/postgres-global-setup.ts as globalSetup");
  }
  const server = createEmbeddedPostgres({ dataDir: join(home, "postgres"), isDurable: false });
  const { superuserUrl } = await server.start();
  const passwordFile = join(home, "postgres-roles.json");

  async function createDatabase({ isEmpty = false }: { isEmpty?: boolean } = {}): Promise<TestDatabase> {
    const template = isEmpty ? "template1" : await ensureTemplate(superuserUrl, passwordFile);
    const name = `test_${randomBytes(6).toString("hex")}`;
    const roles = await bootstrapRoles({ superuserUrl, passwordFile, database: name, template });
    return {
      name,
      urls: roles,
      superuserUrl: superuserUrl(name),
      drop: () => runSql(superuserUrl(), `drop database if exists "${name}" with (force)`),
    };
  }

  return { superuserUrl, createDatabase };
}

/** A migrated database for this test file, dropped after its last test. */
export async function testDatabase(options: { isEmpty?: boolean } = {}): Promise<TestDatabase> {
  const postgres = await createTestPostgres();
  const database = await postgres.createDatabase(options);
  afterAll(() => database.drop());
  return database;
}

/** Built under another name and renamed, so that one that exists is whole; keyed by what was applied. */
async function ensureTemplate(superuserUrl: (database?: string) => string, passwordFile: string): Promise<string> {
  const migrations = await loadMigrations();
  const name = `template_${hashMigrations(migrations)}`;
  const building = `${name}_building`;
  await runSql(superuserUrl(), async (query) => {
    await query("select pg_advisory_lock(1347375700, 2)");
    const found = await query("select 1 from pg_database where datname = $1", [name]);
    if (found.length > 0) return;
    await query(`drop database if exists "${building}" with (force)`);
    const urls = await bootstrapRoles({ superuserUrl, passwordFile, database: building });
    await migrate({ url: urls.owner, migrations });
    await query(`alter database "${building}" rename to "${name}"`);
  });
  return name;
}
