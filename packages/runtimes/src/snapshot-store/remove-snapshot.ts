import { existsSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import type { SnapshotStore } from "../runtime.ts";
import { snapshotDirectory, snapshotParent } from "./manifest.ts";

/** Removes a placement's copy, whole or half, and the backup's directory with the last one. */
export const removeSnapshot = async (store: SnapshotStore, name: string, placementId: string): Promise<void> => {
  const target = snapshotDirectory(store, name, placementId);
  const doomed = `${target}.gone`;
  // One that is half removed must not look whole.
  if (existsSync(target)) await rename(target, doomed);
  for (const path of [doomed, `${target}.part`]) await rm(path, { recursive: true, force: true });
  const parent = snapshotParent(store, name);
  const left = await readdir(parent).catch(() => ["?"]);
  if (left.length === 0) await rm(parent, { recursive: true, force: true });
};
