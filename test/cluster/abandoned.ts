import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterDirectoryPrefix } from "@portolan/testing/cluster";
import { endAbandoned, startOf } from "./processes.ts";

/** A keeper that was just spawned has not written its mark yet. */
const youngMs = 60_000;
const mark = "keeper.pid";

/** Neither gone nor a zombie. */
export const isProcessAlive = (pid: number): boolean => startOf(pid) !== undefined;

export const writeKeeperMark = (directory: string): void =>
  writeFileSync(join(directory, mark), `${process.pid} ${startOf(process.pid) ?? ""}`);

/** Ends and removes the clusters of this user's temporary directory whose keepers were killed. */
export const clearAbandonedClusters = async (): Promise<void> => {
  for (const directory of clusterDirectories()) {
    if (!isAbandoned(directory)) continue;
    await endAbandoned(directory);
    rmSync(directory, { recursive: true, force: true });
  }
};

/** Those of one suite, and those that a run shares, one per level. */
const clusterDirectories = (): string[] => {
  const names = (parent: string): string[] => {
    try {
      return readdirSync(parent).map((name) => join(parent, name));
    } catch {
      return [];
    }
  };
  const all = names(tmpdir());
  const own = all.filter((path) => path.startsWith(join(tmpdir(), clusterDirectoryPrefix)));
  const shared = all.filter((path) => path.startsWith(join(tmpdir(), "portolan-test-clusters-"))).flatMap(names);
  return [...own, ...shared];
};

const isAbandoned = (directory: string): boolean => {
  try {
    const [pid, start] = readFileSync(join(directory, mark), "utf8").split(" ");
    return startOf(Number(pid)) !== start;
  } catch {
    return Date.now() - (statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > youngMs;
  }
};
