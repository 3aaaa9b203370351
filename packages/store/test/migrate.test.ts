import { readFile } from "node:fs/promises";
import { createTestPostgres, type TestDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import {
  diffSchema,
  hashMigrations,
  loadMigrations,
  type MigrationFile,
  migrate,
  type Query,
  runSql,
} from "../src/index.ts";
import { withSchemaEngine } from "../src/migrator/schema-engine.ts";

const postgres = await createTestPostgres();
const databases: TestDatabase[] = [];
const emptyDatabase = async (): Promise<TestDatabase> => {
  const made = await postgres.createDatabase({ isEmpty: true });
  databases.push(made);
  return made;
};
afterAll(async () => {
  for (const database of databases) await database.drop();
});

const rows = async (url: string, sql: string): Promise<Record<string, unknown>[]> => {
  let found: Record<string, unknown>[] = [];
  await runSql(url, async (query: Query) => {
    found = await query(sql);
  });
  return found;
};
const migration = (name: string, sql: string): MigrationFile => ({
  name,
  sql,
  checksum: `checksum of ${sql}`.slice(0, 64),
});

test("migrating twice is migrating once, and leaves nothing between schema.prisma and the database", async () => {
  const { urls } = await emptyDatabase();
  const names = (await loadMigrations()).map(({ name }) => name);
  expect(await migrate({ url: urls.owner })).toEqual(names);
  expect(await migrate({ url: urls.owner })).toEqual([]);
  expect(await rows(urls.owner, "select migration_name from _prisma_migrations order by 1")).toEqual(
    names.map((migration_name) => ({ migration_name })),
  );
  expect(await diffSchema({ url: urls.owner })).toBe("");
});

test("the comparison sees a column, an index and a type that differ", async () => {
  const { urls } = await emptyDatabase();
  await migrate({ url: urls.owner });
  await runSql(
    urls.owner,
    `alter table apps add column extra text; drop index chain_events_chain_id_id_idx;
     alter table nodes alter column ordinal type bigint;`,
  );
  const sql = await diffSchema({ url: urls.owner });
  expect(sql).toContain('DROP COLUMN "extra"');
  expect(sql).toContain('CREATE INDEX "chain_events_chain_id_id_idx"');
  expect(sql).toContain('"ordinal" SET DATA TYPE INTEGER');
});

test("Prisma's own engine reads our history as complete", async () => {
  const { urls } = await emptyDatabase();
  await migrate({ url: urls.owner });
  const migrations = await loadMigrations();
  const lock = await readFile(new URL("../../../prisma/migrations/migration_lock.toml", import.meta.url), "utf8");
  const found = await withSchemaEngine(urls.owner, (engine) =>
    engine.diagnoseMigrationHistory({
      optInToShadowDatabase: false,
      filters: { externalTables: [], externalEnums: [] },
      migrationsList: {
        baseDir: "/",
        lockfile: { path: "migration_lock.toml", content: lock },
        shadowDbInitScript: "",
        migrationDirectories: migrations.map(({ name, sql }) => ({
          path: name,
          migrationFile: { path: "migration.sql", content: { tag: "ok" as const, value: sql } },
        })),
      },
    }),
  );
  expect(found).toMatchObject({
    hasMigrationsTable: true,
    history: null,
    editedMigrationNames: [],
    failedMigrationNames: [],
  });
});

test("of two starters one migrates and the other waits and finds it done", async () => {
  const { urls } = await emptyDatabase();
  const applied = await Promise.all([
    migrate({ url: urls.owner }),
    migrate({ url: urls.owner }),
    migrate({ url: urls.owner }),
  ]);
  expect(applied.map((names) => names.length).sort()).toEqual([0, 0, (await loadMigrations()).length]);
});

test("a starter that waits too long says who it waits for", async () => {
  const { urls } = await emptyDatabase();
  await runSql(urls.owner, async (query) => {
    await query("select pg_advisory_lock($1, $2)", [0x504f5254, 0x4d494752]);
    await expect(migrate({ url: urls.owner, lockWaitMs: 50 })).rejects.toThrow(
      "Another process is migrating the database.",
    );
  });
});

test("a migration that fails changes nothing, and is run when it is mended", async () => {
  const { urls } = await emptyDatabase();
  const one = migration("1_one", "create table one (id int); insert into one values (1);");
  const broken = migration("2_two", "create table two (id int); select 1/0;");
  await expect(migrate({ url: urls.owner, migrations: [one, broken] })).rejects.toThrow("The migration 2_two failed");
  expect(await rows(urls.owner, "select to_regclass('one')::text as one, to_regclass('two')::text as two")).toEqual([
    { one: "one", two: null },
  ]);
  // A function body full of semicolons: what Prisma's own engine would cut to pieces.
  const mended = migration(
    "2_two",
    "create function f() returns int language plpgsql as $$ begin perform 1; return 2; end $$; create table two (id int); -- a; b",
  );
  expect(await migrate({ url: urls.owner, migrations: [one, mended] })).toEqual(["2_two"]);
});

test("a migrator that is cut off in the middle leaves nothing, and the next one does it all", async () => {
  const { urls, superuserUrl } = await emptyDatabase();
  const slow = migration("1_slow", "create table one (id int); select pg_sleep(30);");
  const cut = migrate({ url: urls.owner, migrations: [slow] }).catch((error: Error) => error.message);
  const sleeping =
    "select pid from pg_stat_activity where datname = current_database() and query like '%pg_sleep(30)%' and pid <> pg_backend_pid()";
  await expect.poll(() => rows(superuserUrl, sleeping)).toHaveLength(1);
  await runSql(superuserUrl, `select pg_terminate_backend(pid) from (${sleeping}) as found`);
  expect(await cut).toContain("The migration 1_slow failed");
  expect(await migrate({ url: urls.owner, migrations: [migration("1_slow", "create table one (id int)")] })).toEqual([
    "1_slow",
  ]);
});

test("a changed and an unknown migration are refused by name", async () => {
  const { urls } = await emptyDatabase();
  await migrate({ url: urls.owner, migrations: [migration("1_one", "select 1")] });
  await expect(migrate({ url: urls.owner, migrations: [migration("1_one", "select 2")] })).rejects.toThrow(
    "The migration 1_one was changed after it had been applied",
  );
  await expect(migrate({ url: urls.owner, migrations: [] })).rejects.toThrow("1_one, which this release does not know");
});

test("the template's key changes with any migration", () => {
  const one = migration("1_one", "select 1");
  expect(hashMigrations([one])).toBe(hashMigrations([one]));
  expect(hashMigrations([migration("1_one", "select 2")])).not.toBe(hashMigrations([one]));
  expect(hashMigrations([one, migration("2_two", "")])).not.toBe(hashMigrations([one]));
});
