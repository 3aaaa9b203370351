import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { replaceFile } from "@portolan/kit";
import pg from "pg";
import { type Query, runSql } from "./run-sql.ts";

/** Connection strings by role. Secrets. */
export interface DatabaseUrls {
  /** Owns the schema; migrations only. */
  owner: string;
  /** What the API serves tenants with: row-level security is forced on it. */
  app: string;
  /** Sees every tenant; named uses only (sign-in, reconciler, roll-ups, edge). Owns nothing but BullMQ's schema. */
  system: string;
}

const databaseName = "portolan";
export const roleNames = { owner: "portolan_owner", app: "portolan_app", system: "portolan_system" } as const;
/** BullMQ's tables live here, owned by the system role. */
export const jobsSchema = "bullmq";

type RolePasswords = Record<keyof DatabaseUrls, string>;

/**
 * Makes the three roles and the database on the embedded server, each only if missing, and sets the roles' passwords to
 * those in `passwordFile` (made on first use, mode 0600).
 * A server of the operator's own is prepared by its administrator instead; packages/store/README.md has the SQL.
 */
export async function bootstrapRoles(options: {
  /** The superuser's connection string for a database of that name (`RunningPostgres.superuserUrl`). */
  superuserUrl: (database?: string) => string;
  passwordFile: string;
  database?: string;
  /** What the database is a copy of when it is made; default Postgres' own. */
  template?: string;
}): Promise<DatabaseUrls> {
  const database = options.database ?? databaseName;
  const passwords = await loadOrMakePasswords(options.passwordFile);
  await runSql(options.superuserUrl(), async (query) => {
    // Two starters at once would both find a role missing.
    await query("select pg_advisory_lock(1347375700, 1)");
    await makeRoles(query, passwords);
    const found = await query("select 1 from pg_database where datname = $1", [database]);
    if (found.length > 0) return;
    const template = options.template === undefined ? "" : ` template ${pg.escapeIdentifier(options.template)}`;
    await query(`create database ${pg.escapeIdentifier(database)} owner ${roleNames.owner}${template}`);
  });
  await grantDatabase(options.superuserUrl(database), database);
  return toUrls(options.superuserUrl(database), passwords);
}

/**
 * What a database grants by itself, as opposed to what its tables do; a copy made by `TEMPLATE` does not inherit it.
 * Idempotent.
 */
async function grantDatabase(superuserUrl: string, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database);
  await runSql(
    superuserUrl,
    `revoke all on database ${name} from public;
     grant connect on database ${name} to ${roleNames.app}, ${roleNames.system};
     -- BullMQ's "create schema if not exists" asks for this even where the schema exists.
     grant create on database ${name} to ${roleNames.system};
     revoke create on schema public from public;
     grant all on schema public to ${roleNames.owner};
     create schema if not exists ${jobsSchema} authorization ${roleNames.system};`,
  );
}

async function makeRoles(query: Query, passwords: RolePasswords): Promise<void> {
  const attributes: Record<keyof DatabaseUrls, string> = {
    owner: "login nosuperuser nocreatedb nocreaterole nobypassrls",
    app: "login nosuperuser nocreatedb nocreaterole nobypassrls",
    system: "login nosuperuser nocreatedb nocreaterole bypassrls",
  };
  for (const role of ["owner", "app", "system"] as const) {
    const name = roleNames[role];
    const found = await query("select 1 from pg_roles where rolname = $1", [name]);
    if (found.length === 0) await query(`create role ${name}`);
    await query(`alter role ${name} ${attributes[role]} password ${pg.escapeLiteral(passwords[role])}`);
  }
  // Row-level security binds the owner too; a migration that moves rows says "set local role portolan_system".
  await query(`grant ${roleNames.system} to ${roleNames.owner} with inherit false, set true`);
}

async function loadOrMakePasswords(path: string): Promise<RolePasswords> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  const found: Partial<RolePasswords> = JSON.parse(text);
  const make = () => randomBytes(32).toString("base64url");
  const passwords = {
    owner: found.owner ?? make(),
    app: found.app ?? make(),
    system: found.system ?? make(),
  };
  if (found.owner === undefined || found.app === undefined || found.system === undefined) {
    await replaceFile(path, `${JSON.stringify(passwords)}\n`, { isDurable: true });
  }
  return passwords;
}

function toUrls(superuserUrl: string, passwords: RolePasswords): DatabaseUrls {
  const toUrl = (role: keyof DatabaseUrls) => {
    const url = new URL(superuserUrl);
    url.username = roleNames[role];
    url.password = passwords[role];
    return url.href;
  };
  return { owner: toUrl("owner"), app: toUrl("app"), system: toUrl("system") };
}
