import { testDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import { createClients, type Query, runSql, withTenant } from "../src/index.ts";

const database = await testDatabase();
const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
afterAll(() => clients.close());

const rows = async (url: string, sql: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> => {
  let found: Record<string, unknown>[] = [];
  await runSql(url, async (query: Query) => {
    found = await query(sql, parameters);
  });
  return found;
};

const tenantTables = `
  select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
         coalesce(string_agg(p.polcmd::text || ' ' || pg_get_expr(p.polqual, p.polrelid) || ' '
           || pg_get_expr(p.polwithcheck, p.polrelid) || ' ' || p.polpermissive::text, '; ' order by p.polpermissive desc), '') as policies
    from pg_class c
    left join pg_policy p on p.polrelid = c.oid
   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
     and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
   group by c.oid order by c.relname`;

test("every table with a tenant_id has row-level security, enabled, forced, by one policy for all commands", async () => {
  const found = await rows(database.superuserUrl, tenantTables);
  expect(found.length).toBeGreaterThanOrEqual(18);
  const rule = "(tenant_id = current_setting('app.tenant'::text, true))";
  // A restrictive policy takes away only: on top of the other, stand-by chains are nobody's.
  const further: { [table: string]: string } = { chains: "; * (NOT is_standby) (NOT is_standby) false" };
  for (const table of found) {
    const name = String(table["name"]);
    const policies = `* ${rule} ${rule} true${further[name] ?? ""}`;
    expect(table).toEqual({ name, enabled: true, forced: true, policies });
  }
});

test("of the three roles only system passes row-level security, none is a superuser, and it owns no table", async () => {
  const roles = await rows(
    database.superuserUrl,
    "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname like 'portolan\\_%' and rolname <> 'portolan_superuser' order by 1",
  );
  const plain = { rolsuper: false, rolcreaterole: false, rolcreatedb: false };
  expect(roles).toEqual([
    { rolname: "portolan_app", rolbypassrls: false, ...plain },
    { rolname: "portolan_owner", rolbypassrls: false, ...plain },
    { rolname: "portolan_system", rolbypassrls: true, ...plain },
  ]);
  const owners = await rows(
    database.superuserUrl,
    "select distinct tableowner from pg_tables where schemaname in ('public', 'partitions')",
  );
  expect(owners).toEqual([{ tableowner: "portolan_owner" }]);
});

test("a tenant's transaction sees and writes its own rows only", async () => {
  const app = (tenantId: string, id: string) => ({ id, tenantId, name: id });
  await clients.system.app.createMany({ data: [app("ten_a", "app_a"), app("ten_b", "app_b")] });

  const seen = await withTenant(clients.app, "ten_a", (transaction) =>
    transaction.app.findMany({ select: { id: true } }),
  );
  expect(seen).toEqual([{ id: "app_a" }]);

  const foreign = await withTenant(clients.app, "ten_a", async (transaction) => ({
    found: await transaction.app.findUnique({ where: { id: "app_b" } }),
    updated: await transaction.app.updateMany({ where: { id: "app_b" }, data: { name: "taken" } }),
    deleted: await transaction.app.deleteMany({ where: { id: "app_b" } }),
  }));
  expect(foreign).toEqual({ found: null, updated: { count: 0 }, deleted: { count: 0 } });

  await expect(
    withTenant(clients.app, "ten_a", (transaction) => transaction.app.create({ data: app("ten_b", "app_c") })),
  ).rejects.toThrow(/row-level security/);
  await expect(
    withTenant(clients.app, "ten_a", (transaction) =>
      transaction.app.update({ where: { id: "app_a" }, data: { tenantId: "ten_b" } }),
    ),
  ).rejects.toThrow(/row-level security/);
});

test("without a tenant the app role sees nothing, also on a connection that served one before", async () => {
  const single = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system, poolSize: 1 });
  try {
    expect(await single.app.app.count()).toBe(0);
    expect(await withTenant(single.app, "ten_a", (transaction) => transaction.app.count())).toBe(1);
    expect(await single.app.app.count()).toBe(0);
    await expect(single.app.app.create({ data: { id: "app_x", tenantId: "ten_a", name: "x" } })).rejects.toThrow();
  } finally {
    await single.close();
  }
});

test("force binds the owner too", async () => {
  expect(await rows(database.urls.owner, "select id from apps")).toEqual([]);
});

test("the app role has no grant on people's credentials, key material or the installation's settings", async () => {
  for (const table of [
    "users",
    "members",
    "sessions",
    "materials",
    "authority_keys",
    "settings",
    "_prisma_migrations",
  ]) {
    await expect(rows(database.urls.app, `select 1 from ${table}`)).rejects.toThrow(/permission denied/);
  }
  await expect(rows(database.urls.app, "update tenants set quotas = '{}'")).rejects.toThrow(/permission denied/);
  await expect(rows(database.urls.app, "select 1 from partitions.usage_hourly_rest")).rejects.toThrow(
    /permission denied/,
  );
  await expect(rows(database.urls.app, "create table x ()")).rejects.toThrow(/permission denied/);
  await expect(rows(database.urls.app, "set role portolan_system")).rejects.toThrow(/permission denied/);
});

test("secret columns are absent unless a query asks for them", async () => {
  const made = await clients.system.key.create({
    data: {
      id: "key_a",
      tenantId: "ten_a",
      appId: "app_a",
      name: "k",
      prefix: "ptl_x",
      secretHash: "h",
      scopes: [],
      allow: {},
    },
  });
  expect(made).not.toHaveProperty("secretHash");
  const asked = await clients.system.key.findUnique({ where: { id: "key_a" }, select: { secretHash: true } });
  expect(asked).toEqual({ secretHash: "h" });
});
