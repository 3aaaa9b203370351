// npm run make-migration -w @portolan/store -- <name>
// Migrates a throw-away database with the migrations so far, and writes the difference to schema.prisma as a new one.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootstrapRoles } from "../src/clients/bootstrap-roles.ts";
import { createEmbeddedPostgres } from "../src/embedded-postgres/embedded-postgres.ts";
import { prepareHome } from "../src/embedded-postgres/usable-home.ts";
import { migrate } from "../src/migrator/migrate.ts";
import { writeMigration } from "../src/migrator/write-migration.ts";

const name = process.argv[2] ?? "";
const home = await mkdtemp(join(tmpdir(), "portolan-migration-"));
await prepareHome(home);
const server = createEmbeddedPostgres({ dataDir: join(home, "postgres"), isDurable: false });
try {
  const { superuserUrl } = await server.start();
  const urls = await bootstrapRoles({ superuserUrl, passwordFile: join(home, "roles.json") });
  await migrate({ url: urls.owner });
  const path = await writeMigration({ url: urls.owner, name, now: new Date() });
  console.log(path === undefined ? "schema.prisma and the migrations agree: nothing to write." : `wrote ${path}`);
} finally {
  await server.stop();
  await rm(home, { recursive: true, force: true });
}
