import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { chmod, chown, copyFile, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DomainError } from "@portolan/domain";
import type { SnapshotStore } from "../runtime.ts";
import type { WriteTurn } from "./context.ts";
import { isErrno } from "./failure.ts";
import { checkName } from "./layout.ts";
import { listVolumes } from "./observe.ts";
import { makeParents } from "./render-node.ts";
import type { RunUser } from "./run-user.ts";
import { emptyNodeState } from "./state.ts";

interface ManifestFile {
  /** `<node>/<volume>/<path inside>` */
  path: string;
  sizeBytes: number;
  mode: number;
  sha256: string;
}

interface Manifest {
  version: 1;
  placementId: string;
  takenAt: string;
  sizeBytes: number;
  volumes: string[];
  files: ManifestFile[];
  /** One-off jobs that were done to this data. */
  jobs: { [node: string]: { [key: string]: string } };
}

const refuse = (message: string, hint?: string): DomainError =>
  new DomainError({ code: "resource.conflict", message, ...(hint ? { hint } : {}) });

const refuseRunning = (turn: WriteTurn): void => {
  for (const [name, node] of Object.entries(turn.state.nodes)) {
    const isAlive = Object.values(node.processes).some(({ identity }) => identity && turn.table.isAlive(identity));
    if (isAlive)
      throw refuse(
        `The programs of ${name} are running; their data may change while it is copied.`,
        "Stop the placement first.",
      );
  }
};

const hashFile = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
};

/** Regular files below a directory, relative. Links and sockets are left out: a program could point them anywhere. */
const listFiles = async (root: string, inside = ""): Promise<string[]> => {
  const entries = await readdir(join(root, inside), { withFileTypes: true });
  const nested = await Promise.all(
    entries.map((entry) => {
      const path = inside ? `${inside}/${entry.name}` : entry.name;
      if (entry.isDirectory()) return listFiles(root, path);
      return entry.isFile() ? [path] : [];
    }),
  );
  return nested.flat().sort();
};

const volumePath = (turn: WriteTurn, volume: string): string => {
  const [node = "", name = ""] = volume.split("/");
  return turn.layout.volume(turn.state.placementId, node, name);
};

/** Copies all data volumes into a directory of the store, with a manifest of sizes and SHA-256. Programs must be stopped. */
export const takeSnapshot = async (
  turn: WriteTurn,
  store: SnapshotStore,
): Promise<{ name: string; sizeBytes: number }> => {
  refuseRunning(turn);
  const { placementId, nodes } = turn.state;
  const takenAt = turn.clock.now().toISOString();
  const name = `${placementId.replace("_", "-")}-${takenAt.replace(/[-:.]/g, "")}`;
  const target = join(store.path, name);
  if (existsSync(target)) throw refuse("A snapshot of this placement was taken at this very moment already.");
  const temporary = `${target}.part`;
  await turn.step("snapshot.copy");
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const volumes = listVolumes(turn, placementId);
  const files: ManifestFile[] = [];
  for (const volume of volumes) {
    for (const path of await listFiles(volumePath(turn, volume))) {
      await turn.step("snapshot.file");
      const to = join(temporary, "data", volume, path);
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await copyFile(join(volumePath(turn, volume), path), to);
      const { size, mode } = await lstat(to);
      files.push({ path: `${volume}/${path}`, sizeBytes: size, mode: mode & 0o777, sha256: await hashFile(to) });
    }
  }
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const jobs = Object.fromEntries(Object.entries(nodes).map(([node, state]) => [node, state.jobs]));
  const manifest: Manifest = { version: 1, placementId, takenAt, sizeBytes, volumes, files, jobs };
  await writeFile(join(temporary, "manifest.json"), JSON.stringify(manifest), { mode: 0o600 });
  await turn.step("snapshot.publish");
  await rename(temporary, target);
  return { name, sizeBytes };
};

const readManifest = async (directory: string): Promise<Manifest> => {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR"))
      throw new DomainError({ code: "resource.not_found", message: "There is no such snapshot." });
    if (!(error instanceof SyntaxError)) throw error;
  }
  const isManifest = (thing: unknown): thing is Manifest =>
    typeof thing === "object" && thing !== null && "version" in thing && thing.version === 1 && "files" in thing;
  if (!isManifest(value)) throw refuse("The snapshot's manifest can't be read.");
  return value;
};

/** A path of a manifest that stays inside: manifests come from a store that others may write. */
const checkPath = (path: string): string => {
  const isInside =
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..") && !path.includes("\0");
  if (!isInside) throw refuse("The snapshot's manifest names a path outside of its volumes.");
  return path;
};

const giveTo = async (root: string, user: RunUser | undefined): Promise<void> => {
  if (!user) return;
  await chown(root, user.uid, user.gid);
  for (const entry of await readdir(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) await giveTo(path, user);
    else await chown(path, user.uid, user.gid);
  }
};

const restoreVolume = async (turn: WriteTurn, directory: string, manifest: Manifest, volume: string): Promise<void> => {
  const target = volumePath(turn, volume);
  const temporary = `${target}.restore`;
  makeParents(turn.layout, turn.state.placementId, volume.split("/")[0] ?? "");
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  for (const file of manifest.files.filter(({ path }) => path.startsWith(`${volume}/`))) {
    await turn.step("restore.file");
    const to = join(temporary, checkPath(file.path.slice(volume.length + 1)));
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await copyFile(join(directory, "data", checkPath(file.path)), to);
    if ((await hashFile(to)) !== file.sha256) {
      await rm(temporary, { recursive: true, force: true });
      throw refuse("The snapshot is damaged: a file is not what its manifest says.", "Restore another snapshot.");
    }
    await chmod(to, file.mode);
  }
  await giveTo(temporary, turn.user);
};

/** Puts a snapshot's volumes in the place of the present ones, after every file was checked. Programs must be stopped. */
export const restoreSnapshot = async (turn: WriteTurn, store: SnapshotStore, name: string): Promise<void> => {
  refuseRunning(turn);
  const directory = join(store.path, checkName(name, "snapshot's name"));
  const manifest = await readManifest(directory);
  if (manifest.placementId !== turn.state.placementId) throw refuse("The snapshot is of another placement.");
  for (const volume of manifest.volumes) await restoreVolume(turn, directory, manifest, volume);
  for (const volume of manifest.volumes) {
    await turn.step("restore.swap");
    const target = volumePath(turn, volume);
    await rm(target, { recursive: true, force: true });
    await rename(`${target}.restore`, target);
  }
  for (const [node, jobs] of Object.entries(manifest.jobs)) {
    const state = turn.state.nodes[checkName(node, "node's name")] ?? emptyNodeState();
    turn.state.nodes[node] = { ...state, jobs };
  }
  turn.save({ isDurable: true });
};
