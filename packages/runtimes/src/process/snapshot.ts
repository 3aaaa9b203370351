import { existsSync } from "node:fs";
import { lstat, mkdir, open, readdir, readFile, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DomainError, toName } from "@portolan/domain";
import type { SnapshotFacts, SnapshotStore } from "../runtime.ts";
import type { WriteTurn } from "./context.ts";
import { copyAndHash, syncPath } from "./copy-file.ts";
import { isErrno } from "./failure.ts";
import { checkName } from "./layout.ts";
import { listVolumes } from "./observe.ts";
import { digestOf, type Manifest, manifestFile, readManifest, snapshotDirectory } from "./snapshot-manifest.ts";

/** A store's disk is not filled to the brim: others live on it. */
const spareBytes = 64 << 20;

/** A manifest is read whole. */
const mostFiles = 500_000;

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

const tooLarge = (message: string, hint: string): DomainError =>
  new DomainError({ code: "backup.too_large", message, hint });

const storeFull = (): DomainError =>
  tooLarge("The disk of the backup store has no room for the copy.", "Free some space there, or delete old backups.");

const refuseTooMuch = async (store: SnapshotStore, entries: readonly Entry[]): Promise<void> => {
  const sizeBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  if (entries.length > mostFiles || (store.maxBytes !== undefined && sizeBytes > store.maxBytes))
    throw tooLarge("The data is larger than a backup may be here.", "Raise PORTOLAN_BACKUP_MAX_BYTES of the worker.");
  const { bavail, bsize } = await statfs(store.path);
  if (bavail * bsize < sizeBytes + spareBytes) throw storeFull();
};

const makePath = (path: string): Promise<string | undefined> => mkdir(path, { recursive: true, mode: 0o700 });

const copyInto = async (turn: WriteTurn, store: SnapshotStore, temporary: string): Promise<string> => {
  const { placementId, nodes } = turn.state;
  const volumes = listVolumes(turn, placementId);
  const entries: Entry[] = [];
  for (const volume of volumes) entries.push(...(await listEntries(volumePath(turn, volume), volume)));
  await refuseTooMuch(store, entries);
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
  const text = JSON.stringify(manifest);
  const handle = await open(join(temporary, manifestFile), "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  for (const { path } of directories) await syncPath(join(temporary, "data", path));
  for (const volume of volumes) await syncPath(join(temporary, "data", volume));
  return text;
};

const factsOf = (manifest: Pick<Manifest, "sizeBytes" | "files">, text: string | Buffer): SnapshotFacts => ({
  sizeBytes: manifest.sizeBytes,
  files: manifest.files.length,
  digest: digestOf(text),
});

/** Copies all data volumes into a directory of the store, with a manifest of sizes and SHA-256. Programs must be stopped. */
export const takeSnapshot = async (turn: WriteTurn, store: SnapshotStore, name: string): Promise<SnapshotFacts> => {
  refuseRunning(turn);
  const { placementId } = turn.state;
  const target = snapshotDirectory(store, name, placementId);
  // Published whole by a worker that could not say so any more.
  if (existsSync(target)) {
    const manifest = await readManifest(store, { name }, placementId);
    return factsOf(manifest, await readFile(join(target, manifestFile)));
  }
  const temporary = `${target}.part`;
  try {
    await turn.step("snapshot.copy");
    await rm(temporary, { recursive: true, force: true });
    await makePath(temporary);
    const text = await copyInto(turn, store, temporary);
    await syncPath(temporary);
    await turn.step("snapshot.publish");
    await rename(temporary, target);
    await syncPath(dirname(target));
    await syncPath(store.path);
    return factsOf(JSON.parse(text) as Manifest, text);
  } catch (error) {
    if (isErrno(error, "ENOSPC", "EDQUOT") || (error instanceof DomainError && error.code === "backup.too_large"))
      await rm(temporary, { recursive: true, force: true });
    throw isErrno(error, "ENOSPC", "EDQUOT") ? storeFull() : error;
  }
};

/** Removes a placement's copy, whole or half, and the backup's directory with the last one. */
export const removeSnapshot = async (store: SnapshotStore, name: string, placementId: string): Promise<void> => {
  const target = snapshotDirectory(store, name, placementId);
  const doomed = `${target}.gone`;
  // One that is half removed must not look whole.
  if (existsSync(target)) await rename(target, doomed);
  for (const path of [doomed, `${target}.part`]) await rm(path, { recursive: true, force: true });
  const parent = join(store.path, checkName(toName(name), "snapshot's name"));
  const left = await readdir(parent).catch(() => ["?"]);
  if (left.length === 0) await rm(parent, { recursive: true, force: true });
};
