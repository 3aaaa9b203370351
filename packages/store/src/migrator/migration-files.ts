import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface MigrationFile {
  /** `<timestamp>_<name>`, the folder. */
  name: string;
  sql: string;
  /** SHA-256 of the file, hex: what Prisma's own table holds. */
  checksum: string;
}

/** Where this repository keeps its schema and migrations. */
export const prismaDirectory = fileURLToPath(new URL("../../../../prisma", import.meta.url));

/** Reads `prisma/migrations/<timestamp>_<name>/migration.sql`, oldest first. */
export async function loadMigrations(directory = join(prismaDirectory, "migrations")): Promise<MigrationFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(directory, name, "migration.sql"), "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

/** One hash over all of them: the key of a migrated template database. */
export function hashMigrations(migrations: readonly MigrationFile[]): string {
  const hash = createHash("sha256");
  for (const { name, checksum } of migrations) hash.update(`${name} ${checksum}\n`);
  return hash.digest("hex").slice(0, 16);
}
