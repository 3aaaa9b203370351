import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diffSchema } from "./diff-schema.ts";
import { prismaDirectory } from "./migration-files.ts";

/**
 * Writes what schema.prisma has and the migrated database at `url` has not into a new migration folder. What only SQL
 * can say (policies, grants, triggers, partial indexes) is added to the file by hand.
 * @returns the path of the new file, or undefined when nothing differs.
 */
export async function writeMigration(options: {
  url: string;
  /** Lower-case words joined by `_`. */
  name: string;
  now: Date;
  directory?: string;
}): Promise<string | undefined> {
  if (!/^[a-z][a-z0-9_]{0,60}$/.test(options.name)) {
    throw new Error("A migration's name is lower-case words joined by _, e.g. add_webhooks.");
  }
  const sql = await diffSchema({ url: options.url });
  if (sql === "") return undefined;
  const stamp = options.now.toISOString().replace(/\D/g, "").slice(0, 14);
  const folder = join(options.directory ?? join(prismaDirectory, "migrations"), `${stamp}_${options.name}`);
  await mkdir(folder, { recursive: true });
  const path = join(folder, "migration.sql");
  await writeFile(path, `${sql}\n`, { flag: "wx" });
  return path;
}
