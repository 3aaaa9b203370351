import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "@portolan/domain";
import type { SnapshotFacts, SnapshotStore } from "../runtime.ts";
import { makePath } from "../snapshot-store/make-path.ts";
import type { Manifest } from "../snapshot-store/manifest.ts";
import { publishSnapshot } from "../snapshot-store/publish-snapshot.ts";
import { refuseTooMuch } from "../snapshot-store/refuse-too-much.ts";
import { syncPath } from "../snapshot-store/sync-path.ts";
import type { WriteTurn } from "./context.ts";
import { copyAndHash } from "./copy-file.ts";
import { listVolumes } from "./observe.ts";

export const refuseRunning = (turn: WriteTurn): void => {
  for (const [name, node] of Object.entries(turn.state.nodes)) {
    const isAlive = Object.values(node.processes).some(({ identity }) => identity && turn.table.isAlive(identity));
    if (isAlive)
      throw new DomainError({
        code: "resource.conflict",
        message: `The programs of ${name} are running; their data may change while it is copied.`,
        hint: "Stop the placement first.",
        retryable: true,
      });
  }
};

export const volumePath = (turn: Pick<WriteTurn, "layout" | "state">, volume: string): string => {
  const [node = "", name = ""] = volume.split("/");
  return turn.layout.volume(turn.state.placementId, node, name);
};

interface Entry {
  path: string;
  mode: number;
  isDirectory: boolean;
  sizeBytes: number;
}

/** Directories and regular files below a volume. Links and sockets are left out: a program could point them anywhere. */
const listEntries = async (root: string, volume: string): Promise<Entry[]> => {
  const found: Entry[] = [];
  const walk = async (inside: string): Promise<void> => {
    for (const name of (await readdir(join(root, inside))).sort()) {
      const path = inside === "" ? name : `${inside}/${name}`;
      const stat = await lstat(join(root, path));
      if (!stat.isDirectory() && !stat.isFile()) continue;
      const isDirectory = stat.isDirectory();
      const sizeBytes = isDirectory ? 0 : stat.size;
      found.push({ path: `${volume}/${path}`, mode: stat.mode & 0o777, isDirectory, sizeBytes });
      if (isDirectory) await walk(path);
    }
  };
  await walk("");
  return found;
};

const copyInto = async (turn: WriteTurn, store: SnapshotStore, temporary: string): Promise<Manifest> => {
  const { placementId, nodes } = turn.state;
  const volumes = listVolumes(turn, placementId);
  const entries: Entry[] = [];
  for (const volume of volumes) entries.push(...(await listEntries(volumePath(turn, volume), volume)));
  const foundBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  await refuseTooMuch(store, foundBytes, entries.length);
  await Promise.all(volumes.map((volume) => makePath(join(temporary, "data", volume))));
  const directories = entries.filter((entry) => entry.isDirectory).map(({ path, mode }) => ({ path, mode }));
  for (const { path } of directories) await makePath(join(temporary, "data", path));
  const files: Manifest["files"] = [];
  for (const { path, mode } of entries.filter((entry) => !entry.isDirectory)) {
    await turn.step("snapshot.file");
    const [node = "", volume = "", ...inside] = path.split("/");
    const from = join(volumePath(turn, `${node}/${volume}`), ...inside);
    files.push({ path, mode, ...(await copyAndHash(from, join(temporary, "data", path))) });
  }
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const jobs = Object.fromEntries(Object.entries(nodes).map(([node, state]) => [node, state.jobs]));
  const takenAt = turn.clock.now().toISOString();
  const manifest: Manifest = { version: 2, placementId, takenAt, sizeBytes, volumes, directories, files, jobs };
  const directoriesAndVolumes = [...directories.map(({ path }) => path), ...volumes];
  for (const path of directoriesAndVolumes) await syncPath(join(temporary, "data", path));
  return manifest;
};

/** Copies all data volumes into a directory of the store, with a manifest of sizes and SHA-256. Programs must be stopped. */
export const takeSnapshot = async (turn: WriteTurn, store: SnapshotStore, name: string): Promise<SnapshotFacts> => {
  refuseRunning(turn);
  const of = { store, name, placementId: turn.state.placementId, step: turn.step };
  return publishSnapshot(of, (temporary) => copyInto(turn, store, temporary));
};
