import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { DomainError } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import type { SnapshotName, SnapshotStore } from "../../runtime.ts";
import { checkInside, damaged, readManifest, snapshotDirectory } from "../../snapshot-store/manifest.ts";
import type { View } from "../cache/view.ts";
import { emptyRecord } from "../change/placement-state.ts";
import type { ClaimObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { annotationKeys } from "../labels.ts";
import { CopyFailure, type CopyPod, claimsOf, withCopyPod } from "./copy-pod.ts";
import { toFrame } from "./frames.ts";
import { renderClaim } from "./restore-claim.ts";
import { type ClusterManifest, refuseRunning, userOf } from "./snapshot.ts";

const chunkBytes = 128 << 10;

const isStagedNow = (turn: WriteTurn, { name, digest }: SnapshotName): boolean =>
  turn.state.staged?.name === name && turn.state.staged.digest === digest;

const nodesOf = (volumes: readonly string[]): Map<string, string[]> => {
  const nodes = new Map<string, string[]>();
  for (const each of volumes) {
    const [node = "", volume = "", ...rest] = checkInside(each).split("/");
    if (node === "" || volume === "" || rest.length > 0) throw damaged("the manifest names a volume that is none");
    nodes.set(node, [...(nodes.get(node) ?? []), volume]);
  }
  return nodes;
};

/** Every file of the copy against its hash, before anything of the cluster is touched. */
const checkFiles = async (turn: WriteTurn, manifest: ClusterManifest, source: string): Promise<void> => {
  const isOfVolume = (path: string): boolean => manifest.volumes.some((volume) => path.startsWith(`${volume}/`));
  for (const { path } of manifest.directories) {
    if (!isOfVolume(checkInside(path))) throw damaged("the manifest names a directory outside of its volumes");
  }
  for (const file of manifest.files) {
    await turn.checkpoint("stage.check");
    if (!isOfVolume(checkInside(file.path))) throw damaged("the manifest names a file outside of its volumes");
    const hash = createHash("sha256");
    try {
      for await (const piece of createReadStream(join(source, "data", file.path))) hash.update(piece as Buffer);
    } catch (error) {
      if (hasErrorCode(error, "ENOENT", "ENOTDIR", "EISDIR")) throw damaged("a file of the manifest is not there");
      throw error;
    }
    if (hash.digest("hex") !== file.sha256) throw damaged(`${file.path} has changed`);
  }
};

/** A node's part of the copy as frames: directories, files with their bytes, and the end with the mark. */
async function* toInput(
  turn: WriteTurn,
  manifest: ClusterManifest,
  source: string,
  node: string,
  mark: string,
): AsyncGenerator<Buffer> {
  const within = (path: string): { volume: string; path: string } | undefined => {
    const [owner, volume = "", ...inside] = path.split("/");
    return owner === node ? { volume, path: inside.join("/") } : undefined;
  };
  for (const { path, mode } of manifest.directories) {
    const at = within(path);
    if (at) yield toFrame({ ...at, mode: mode & 0o777, isDirectory: true });
  }
  for (const { path, mode, sizeBytes, sha256 } of manifest.files) {
    const at = within(path);
    if (!at) continue;
    await turn.step("stage.file");
    yield toFrame({ ...at, mode: mode & 0o777, isDirectory: false, size: sizeBytes, sha256 });
    let sent = 0;
    for await (const piece of createReadStream(join(source, "data", path), { highWaterMark: chunkBytes })) {
      sent += (piece as Buffer).length;
      yield piece as Buffer;
    }
    if (sent !== sizeBytes) throw damaged(`${path} has changed`);
  }
  yield toFrame({ end: mark });
}

const noRoom = (): DomainError =>
  new DomainError({
    code: "backup.too_large",
    message: "The node's volume has no room for the backup beside the present data.",
    hint: "Choose a plan with more storage.",
  });

/** Volumes that are not there are made, as large as they were. */
const makeClaims = async (turn: WriteTurn, view: View, manifest: ClusterManifest): Promise<void> => {
  const known = new Set(view.claims.flatMap(({ metadata }) => metadata.annotations?.[annotationKeys.volume] ?? []));
  for (const volume of manifest.volumes) {
    if (known.has(volume)) continue;
    const claim = renderClaim(turn, manifest, volume);
    await turn.step(`claim.${claim.metadata.name}`);
    await turn.objects.apply<ClaimObject>(claim);
  }
};

const markOf = async (pod: CopyPod, volumes: readonly string[]): Promise<Set<string>> => {
  const marks = new Set<string>();
  await pod.run("staged", volumes, {
    onFrame: (value) => {
      marks.add(String((value as { mark?: string }).mark ?? ""));
      return 0;
    },
  });
  return marks;
};

const stageNode = async (
  turn: WriteTurn,
  view: View,
  manifest: ClusterManifest,
  source: string,
  node: string,
  volumes: readonly string[],
  mark: string,
): Promise<void> => {
  const named = claimsOf(view.claims, node);
  const claims = new Map(volumes.map((volume) => [volume, named.get(volume) ?? ""] as const));
  const userId = manifest.claims?.[`${node}/${volumes[0] ?? ""}`]?.userId ?? userOf(turn, view, node);
  await withCopyPod(turn, { node, userId, claims }, async (pod) => {
    const marks = await markOf(pod, volumes);
    if (marks.size === 1 && marks.has(mark)) return;
    try {
      await pod.run("stage", volumes, { input: toInput(turn, manifest, source, node, mark), onFrame: () => 0 });
    } catch (error) {
      if (!(error instanceof CopyFailure) || !/ENOSPC|EDQUOT/.test(error.errors)) throw error;
      await pod.run("clear", volumes, { onFrame: () => 0 });
      throw noRoom();
    }
  });
};

/**
 * Checks every file of the placement's snapshot and lays a copy ready inside the volumes, beside the data, which stays
 * as it is. Throws `backup.damaged` where a file is not what it was.
 */
export const stageSnapshot = async (turn: WriteTurn, store: SnapshotStore, snapshot: SnapshotName): Promise<void> => {
  if (isStagedNow(turn, snapshot)) return;
  const { placementId } = turn.placement;
  const manifest: ClusterManifest = await readManifest(store, snapshot, placementId);
  const source = snapshotDirectory(store, snapshot.name, placementId);
  const nodes = nodesOf(manifest.volumes);
  await checkFiles(turn, manifest, source);
  const before = await turn.look(turn.namespace, true);
  refuseRunning(before);
  await makeClaims(turn, before, manifest);
  const view = await turn.look(turn.namespace, true);
  const mark = `${snapshot.name} ${snapshot.digest ?? ""}`;
  // Written down before it is done: whatever part of it is there is cleared away by the next start.
  turn.state.staged = { name: snapshot.name, digest: "", volumes: manifest.volumes };
  await turn.save();
  for (const [node, volumes] of nodes) await stageNode(turn, view, manifest, source, node, volumes, mark);
  turn.state.staged = {
    name: snapshot.name,
    ...(snapshot.digest === undefined ? {} : { digest: snapshot.digest }),
    volumes: manifest.volumes,
  };
  await turn.save();
};

const forEachNode = async (
  turn: WriteTurn,
  view: View,
  volumes: readonly string[],
  command: "swap" | "clear",
): Promise<void> => {
  for (const [node, names] of nodesOf(volumes)) {
    const named = claimsOf(view.claims, node);
    const present = names.filter((name) => named.has(name));
    if (present.length === 0) continue;
    const claims = new Map(present.map((name) => [name, named.get(name) ?? ""] as const));
    await withCopyPod(turn, { node, userId: userOf(turn, view, node), claims }, async (pod) => {
      await turn.step(`copy.${command}`);
      await pod.run(command, present, { onFrame: () => 0 });
    });
  }
};

/** What was laid ready is for nothing. */
export const clearStaged = async (turn: WriteTurn): Promise<void> => {
  if (turn.state.staged === undefined) return;
  const view = await turn.look(turn.namespace);
  await forEachNode(turn, view, turn.state.staged.volumes, "clear");
  delete turn.state.staged;
  await turn.save();
};

/**
 * Makes the volumes exactly those of the snapshot: what it lacks goes, because a node that was added later would know
 * more than the rest. A repetition goes on where a crash ended.
 */
export const restoreSnapshot = async (turn: WriteTurn, store: SnapshotStore, snapshot: SnapshotName): Promise<void> => {
  refuseRunning(await turn.look(turn.namespace, true));
  await stageSnapshot(turn, store, snapshot);
  const { staged } = turn.state;
  if (staged === undefined) throw damaged("what was laid ready is gone");
  const view = await turn.look(turn.namespace, true);
  const manifest = await readManifest(store, snapshot, turn.placement.placementId);
  await forEachNode(turn, view, staged.volumes, "swap");
  const kept = new Set(staged.volumes);
  for (const claim of view.claims) {
    const volume = claim.metadata.annotations?.[annotationKeys.volume];
    if (volume !== undefined && kept.has(volume)) continue;
    await turn.step("restore.drop");
    await turn.objects.remove(kinds.PersistentVolumeClaim, claim);
  }
  for (const name of new Set([...Object.keys(turn.state.nodes), ...Object.keys(manifest.jobs)])) {
    turn.state.nodes[name] = { ...(turn.state.nodes[name] ?? emptyRecord()), jobs: manifest.jobs[name] ?? {} };
  }
  delete turn.state.staged;
  await turn.save();
};
