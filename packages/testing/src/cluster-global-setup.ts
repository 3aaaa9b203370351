import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { endCluster } from "./cluster/start-cluster.ts";
// For the names under which tests find the place.
import type {} from "./require-cluster.ts";

const prefix = "portolan-test-clusters-";

/**
 * Vitest's global setup: names a place for the run's shared clusters and, at the end, stops those that a test started.
 * Two projects of one run share them. A keeper whose run was killed ends its cluster by itself.
 */
export function setup(project: TestProject): () => Promise<void> {
  clearEmpty();
  const home = join(tmpdir(), `${prefix}${process.pid}`);
  mkdirSync(home, { recursive: true });
  project.provide("testClusterHome", home);
  project.provide("testClusterOwner", process.pid);
  return async () => {
    if (!existsSync(home)) return;
    await Promise.all(readdirSync(home).map((name) => endCluster(join(home, name))));
    if (isEmpty(home)) rmSync(home, { recursive: true, force: true });
  };
}

/** Places of runs that were killed. What is in them is cleared by the next keeper. */
function clearEmpty(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(name.startsWith(prefix) ? name.slice(prefix.length) : Number.NaN);
    const place = join(tmpdir(), name);
    if (Number.isSafeInteger(pid) && !existsSync(`/proc/${pid}`) && isEmpty(place))
      rmSync(place, { recursive: true, force: true });
  }
}

const isEmpty = (directory: string): boolean => {
  try {
    return readdirSync(directory).length === 0;
  } catch {
    return false;
  }
};
