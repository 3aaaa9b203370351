import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { prismaDirectory } from "./migration-files.ts";
import { withSchemaEngine } from "./schema-engine.ts";

/** Tables that schema.prisma does not know, and should not. */
const externalTables = ["public._prisma_migrations"];

/**
 * The SQL that would turn a migrated database into schema.prisma; empty when they agree.
 *
 * The comparison sees tables, columns, types, defaults, keys and ordinary indexes. It does not see, and so never asks
 * to drop: policies, row-level security, triggers, functions, grants, check constraints, partial indexes, partitioning,
 * other Postgres schemas (`partitions`, `bullmq`). Their tests read the catalog instead.
 */
export async function diffSchema(options: { url: string; schemaFile?: string }): Promise<string> {
  const path = options.schemaFile ?? join(prismaDirectory, "schema.prisma");
  const files = [{ path, content: await readFile(path, "utf8") }];
  return withSchemaEngine(options.url, async (engine) => {
    const { stdout } = await engine.diff({
      from: { tag: "schemaDatasource", files, configDir: prismaDirectory },
      to: { tag: "schemaDatamodel", files },
      script: true,
      exitCode: null,
      filters: { externalTables, externalEnums: [] },
    });
    const sql = (stdout ?? "").trim();
    return sql === "-- This is an empty migration." ? "" : sql;
  });
}
