import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEmbeddedPostgres, prepareHome } from "@portolan/store";
import type { TestProject } from "vitest/node";
// For the name under which tests find the place.
import type {} from "./postgres/test-postgres.ts";

const prefix = "portolan-test-postgres-";

/**
 * Vitest's global setup: names a place for the run's server and, at the end, stops it if a test started it. Runs that
 * were killed left theirs behind; those are stopped here too.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await clearAbandoned();
  const home = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  await prepareHome(home);
  project.provide("testPostgresHome", home);
  return () => remove(home);
}

async function clearAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(name.startsWith(prefix) ? name.slice(prefix.length).split("-")[0] : Number.NaN);
    if (Number.isSafeInteger(pid) && !isAlive(pid)) await remove(join(tmpdir(), name)).catch(() => undefined);
  }
}

async function remove(home: string): Promise<void> {
  await createEmbeddedPostgres({ dataDir: join(home, "postgres") }).stop({ graceMs: 3_000 });
  await rm(home, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
