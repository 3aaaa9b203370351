import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterDirectoryPrefix } from "@portolan/testing/cluster";
import { endAbandoned, startOf } from "./processes.ts";
import { removeCgroups } from "./real-nodes/cgroups.ts";
import { removeBridge } from "./real-nodes/machine-network.ts";
import { takeSlotNumber } from "./real-nodes/slot.ts";

/** A keeper that was just spawned has not written its mark yet. */
const youngMs = 60_000;
const mark = "keeper.pid";
const slotMark = "slot";

/** Neither gone nor a zombie. */
export const isProcessAlive = (pid: number): boolean => startOf(pid) !== undefined;

export const writeKeeperMark = (directory: string): void =>
  writeFileSync(join(directory, mark), `${process.pid} ${startOf(process.pid) ?? ""}`);

/** Ends and removes the clusters of this user's temporary directory whose keepers were killed. */
export const clearAbandonedClusters = async (): Promise<void> => {
  for (const directory of clusterDirectories()) {
    if (!isAbandoned(directory)) continue;
    await endAbandoned(directory);
    await clearSlot(directory);
    rmSync(directory, { recursive: true, force: true });
  }
};

/** For whoever clears up: which slot the cluster has. */
export const writeSlotMark = (directory: string, index: number): void =>
  writeFileSync(join(directory, slotMark), String(index));

/** Takes away what real nodes leave in the machine, unless another cluster has their slot by now. */
const clearSlot = async (directory: string): Promise<void> => {
  const mark = join(directory, slotMark);
  const slot = existsSync(mark) ? takeSlotNumber(Number(readFileSync(mark, "utf8"))) : undefined;
  if (slot === undefined) return;
  await removeCgroups(slot.cgroup());
  await removeBridge(slot.bridge);
  slot.release();
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
  // Whoever asked for it may not have read yet why it failed.
  if (existsSync(join(directory, "failure.txt")) && isYoung(directory)) return false;
  try {
    const [pid, start] = readFileSync(join(directory, mark), "utf8").split(" ");
    return startOf(Number(pid)) !== start;
  } catch {
    return !isYoung(directory);
  }
};

const isYoung = (directory: string): boolean =>
  Date.now() - (statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) < youngMs;
