import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DomainError } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import { checkName } from "../check-name.ts";
import type { SnapshotName, SnapshotStore } from "../runtime.ts";
import { checkInside, damaged, type Manifest, readManifest, snapshotDirectory } from "../snapshot-store/manifest.ts";
import { writeAtomically } from "./atomic-file.ts";
import type { WriteTurn } from "./context.ts";
import { copyAndHash } from "./copy-file.ts";
import { checkRelativePath } from "./layout.ts";
import { listVolumes } from "./observe.ts";
import { makeParents } from "./render-node.ts";
import type { RunUser } from "./run-user.ts";
import { refuseRunning, volumePath } from "./snapshot.ts";
import { emptyNodeState } from "./state.ts";

/** What lies ready: written last, so that it says that everything is there and was checked. */
interface Staged {
  snapshot: SnapshotName;
  volumes: string[];
  jobs: Manifest["jobs"];
}

const stagedFile = "staged.json";

const giveTo = async (root: string, user: RunUser): Promise<void> => {
  await chown(root, user.uid, user.gid);
  for (const entry of await readdir(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) await giveTo(path, user);
    else await chown(path, user.uid, user.gid);
  }
};

const readStaged = async (turn: WriteTurn, { name, digest }: SnapshotName): Promise<Staged | undefined> => {
  try {
    const text = await readFile(join(turn.layout.staged(turn.state.placementId), stagedFile), "utf8");
    const staged = JSON.parse(text) as Staged;
    return staged.snapshot.name === name && staged.snapshot.digest === digest ? staged : undefined;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT") || error instanceof SyntaxError) return undefined;
    throw error;
  }
};

/** What was laid ready is for nothing: the marker goes first, so that a part of it is never taken for the whole. */
export const clearStaged = async (turn: Pick<WriteTurn, "layout" | "state">): Promise<void> => {
  const root = turn.layout.staged(turn.state.placementId);
  if (!existsSync(root)) return;
  await rm(join(root, stagedFile), { force: true });
  await rm(root, { recursive: true, force: true });
};

const stageVolumes = async (turn: WriteTurn, source: string, root: string, manifest: Manifest): Promise<void> => {
  const below = (path: string): string => join(root, checkInside(path));
  const isOfVolume = (path: string): boolean => manifest.volumes.some((volume) => path.startsWith(`${volume}/`));
  for (const volume of manifest.volumes) {
    checkRelativePath(volume);
    if (volume.split("/").length !== 2) throw damaged("the manifest names a volume that is none");
    await mkdir(below(volume), { recursive: true, mode: 0o700 });
  }
  for (const { path } of manifest.directories) {
    if (!isOfVolume(path)) throw damaged("the manifest names a directory outside of its volumes");
    await mkdir(below(path), { recursive: true, mode: 0o700 });
  }
  for (const file of manifest.files) {
    await turn.step("stage.file");
    if (!isOfVolume(file.path)) throw damaged("the manifest names a file outside of its volumes");
    const to = below(file.path);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const copy = await copyAndHash(join(source, "data", checkInside(file.path)), to);
    if (copy.sha256 !== file.sha256 || copy.sizeBytes !== file.sizeBytes) throw damaged(`${file.path} has changed`);
    await chmod(to, file.mode & 0o777);
  }
  for (const { path, mode } of [...manifest.directories].reverse()) await chmod(below(path), mode & 0o777);
  const { user } = turn;
  if (user !== undefined) for (const volume of manifest.volumes) await giveTo(below(volume), user);
};

/**
 * Checks every file of the placement's snapshot and lays a copy ready beside the volumes, which stay as they are.
 * Throws `backup.damaged` where a file is not what it was.
 */
export const stageSnapshot = async (turn: WriteTurn, store: SnapshotStore, snapshot: SnapshotName): Promise<void> => {
  if ((await readStaged(turn, snapshot)) !== undefined) return;
  const { placementId } = turn.state;
  const root = turn.layout.staged(placementId);
  await clearStaged(turn);
  const manifest = await readManifest(store, snapshot, placementId);
  for (const node of Object.keys(manifest.jobs)) checkName(node, "node's name");
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await stageVolumes(turn, snapshotDirectory(store, snapshot.name, placementId), root, manifest);
  } catch (error) {
    if (error instanceof DomainError && error.code === "backup.damaged") await clearStaged(turn);
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) throw damaged("a file of the manifest is not there");
    if (!hasErrorCode(error, "ENOSPC", "EDQUOT")) throw error;
    await clearStaged(turn);
    throw new DomainError({
      code: "backup.too_large",
      message: "The disk that holds the node's data has no room for the backup beside the present data.",
      hint: "Free some space on that disk.",
    });
  }
  const staged: Staged = { snapshot, volumes: manifest.volumes, jobs: manifest.jobs };
  writeAtomically(join(root, stagedFile), JSON.stringify(staged), { mode: 0o600, isDurable: true });
};

/**
 * Makes the volumes exactly those of the snapshot: what it lacks goes, because a node that was added later would know
 * more than the rest. Each swap is one rename, and a repetition goes on where a crash ended.
 */
export const restoreSnapshot = async (turn: WriteTurn, store: SnapshotStore, snapshot: SnapshotName): Promise<void> => {
  refuseRunning(turn);
  await stageSnapshot(turn, store, snapshot);
  const staged = await readStaged(turn, snapshot);
  if (staged === undefined) throw damaged("what was laid ready is gone");
  const { placementId, nodes } = turn.state;
  for (const volume of staged.volumes) {
    const from = join(turn.layout.staged(placementId), volume);
    if (!existsSync(from)) continue;
    await turn.step("restore.swap");
    makeParents(turn.layout, placementId, volume.split("/")[0] ?? "");
    await rm(volumePath(turn, volume), { recursive: true, force: true });
    await rename(from, volumePath(turn, volume));
  }
  for (const volume of listVolumes(turn, placementId).filter((each) => !staged.volumes.includes(each))) {
    await turn.step("restore.drop");
    await rm(volumePath(turn, volume), { recursive: true, force: true });
  }
  for (const name of new Set([...Object.keys(nodes), ...Object.keys(staged.jobs)])) {
    nodes[name] = { ...(nodes[name] ?? emptyNodeState()), jobs: staged.jobs[name] ?? {} };
  }
  turn.save({ isDurable: true });
  await turn.step("restore.clear");
  await clearStaged(turn);
};
