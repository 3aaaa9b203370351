import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DomainError } from "@portolan/domain";
import type { SnapshotFacts, SnapshotStore } from "../../runtime.ts";
import { makePath } from "../../snapshot-store/make-path.ts";
import { checkInside, type Manifest } from "../../snapshot-store/manifest.ts";
import { publishSnapshot } from "../../snapshot-store/publish-snapshot.ts";
import { refuseTooMuch } from "../../snapshot-store/refuse-too-much.ts";
import { syncPath } from "../../snapshot-store/sync-path.ts";
import { nodeOf, type View } from "../cache/view.ts";
import { KubeError, KubeSilence } from "../client/kube-error.ts";
import type { WriteTurn } from "../context.ts";
import { toBytes } from "../quantity.ts";
import { CopyFailure, type CopyPod, claimsOf, withCopyPod } from "./copy-pod.ts";
import { type Frozen, freeze, thaw, withFrozenClaims } from "./freeze.ts";

const fallbackUser = 1000;

/** A manifest with what a cluster needs to make the volumes anew; other runtimes pass over it. */
export interface ClusterManifest extends Manifest {
  claims?: { [volume: string]: { sizeBytes: string; userId: number } };
}

interface Entry {
  volume: string;
  path: string;
  mode: number;
  isDirectory: boolean;
  size: number;
}

/** Programs must be stopped: their data may change while it is copied. */
export const refuseRunning = (view: View): void => {
  const [running] = [...view.pods.keys()];
  if (running === undefined) return;
  throw new DomainError({
    code: "resource.conflict",
    message: `The programs of ${running} are running; their data may change while it is copied.`,
    hint: "Stop the placement first.",
    retryable: true,
  });
};

/** The numeric user that a node's files belong to. */
export const userOf = (turn: Pick<WriteTurn, "state">, view: View, node: string): number => {
  const context = view.sets.get(node)?.spec.template.spec["securityContext"] as { runAsUser?: number } | undefined;
  return context?.runAsUser ?? turn.state.nodes[node]?.userId ?? fallbackUser;
};

const isEntry = (value: unknown): value is Entry =>
  typeof value === "object" && value !== null && "path" in value && "volume" in value && "mode" in value;

/** Lays a node's volumes into `data`, and says what they hold. */
const fetchNode = async (turn: WriteTurn, pod: CopyPod, node: string, volumes: readonly string[], data: string) => {
  const directories: Manifest["directories"] = [];
  const files: Manifest["files"] = [];
  let open_: { handle: FileHandle; hash: ReturnType<typeof createHash>; entry: Entry; path: string } | undefined;

  const finish = async (sha256: string): Promise<void> => {
    if (!open_) throw new KubeSilence("the copy's stream has a hash without a file");
    const { handle, hash, entry, path } = open_;
    open_ = undefined;
    await handle.sync();
    await handle.close();
    if (hash.digest("hex") !== sha256) throw new KubeSilence("a file was changed on its way");
    files.push({ path, mode: entry.mode, sizeBytes: entry.size, sha256 });
  };

  const onFrame = async (value: unknown): Promise<number> => {
    if (typeof value === "object" && value !== null && "sha256" in value) {
      await finish(String(value.sha256));
      return 0;
    }
    if (!isEntry(value) || !volumes.includes(value.volume)) throw new KubeSilence("the copy's stream can't be read");
    const path = `${node}/${value.volume}/${value.path}`;
    const target = join(data, checkInside(path));
    if (value.isDirectory) {
      directories.push({ path, mode: value.mode });
      await makePath(target);
      return 0;
    }
    await turn.step("snapshot.file");
    await makePath(dirname(target));
    open_ = { handle: await open(target, "wx", 0o600), hash: createHash("sha256"), entry: value, path };
    return value.size;
  };

  try {
    await pod.run("read", volumes, {
      onFrame,
      onBytes: async (piece) => {
        open_?.hash.update(piece);
        await open_?.handle.write(piece);
      },
    });
  } finally {
    await open_?.handle.close().catch(() => undefined);
  }
  return { directories, files };
};

const sizeOf = async (pod: CopyPod, volumes: readonly string[]): Promise<{ bytes: number; entries: number }> => {
  let bytes = 0;
  let entries = 0;
  await pod.run("list", volumes, {
    onFrame: (value) => {
      if (isEntry(value)) bytes += value.size;
      entries += 1;
      return 0;
    },
  });
  return { bytes, entries };
};

/** Runs `work` with a node's volumes, or where there are snapshots of them with volumes that are made of those. */
const withVolumes = (
  turn: WriteTurn,
  view: View,
  named: ReadonlyMap<string, string>,
  frozen: Frozen | undefined,
  work: (claims: ReadonlyMap<string, string>) => Promise<void>,
): Promise<void> => {
  if (frozen === undefined) return work(named);
  const claims = [...named].flatMap(([volume, name]) => {
    const claim = view.claims.find(({ metadata }) => metadata.name === name);
    return claim === undefined ? [] : [[volume, claim] as const];
  });
  return withFrozenClaims(turn, frozen, new Map(claims), work);
};

const copyInto = async (
  turn: WriteTurn,
  view: View,
  store: SnapshotStore,
  temporary: string,
  backup: string,
): Promise<ClusterManifest> => {
  const frozen = turn.settings.snapshotClass === undefined ? undefined : await freeze(turn, view.claims, backup);
  const nodes = [...new Set(view.claims.flatMap((claim) => nodeOf(claim) ?? []))].sort();
  const volumes: string[] = [];
  const directories: Manifest["directories"] = [];
  const files: Manifest["files"] = [];
  let bytes = 0;
  let entries = 0;
  const claims: NonNullable<ClusterManifest["claims"]> = {};
  for (const node of nodes) {
    const named = claimsOf(view.claims, node);
    const names = [...named.keys()].sort();
    const userId = userOf(turn, view, node);
    for (const name of names) {
      const claim = view.claims.find(({ metadata }) => metadata.name === named.get(name));
      claims[`${node}/${name}`] = { sizeBytes: String(toBytes(claim?.spec?.resources?.requests?.storage)), userId };
      volumes.push(`${node}/${name}`);
      await makePath(join(temporary, "data", checkInside(`${node}/${name}`)));
    }
    const copy = async (pod: CopyPod): Promise<void> => {
      const size = await sizeOf(pod, names);
      bytes += size.bytes;
      entries += size.entries;
      await refuseTooMuch(store, bytes, entries);
      const fetched = await fetchNode(turn, pod, node, names, join(temporary, "data"));
      directories.push(...fetched.directories);
      files.push(...fetched.files);
    };
    await withVolumes(turn, view, named, frozen, (claims) => withCopyPod(turn, { node, userId, claims }, copy));
  }
  const { placementId } = turn.placement;
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const jobs = Object.fromEntries(Object.entries(turn.state.nodes).map(([node, record]) => [node, record.jobs]));
  const takenAt = turn.clock.now().toISOString();
  const manifest: ClusterManifest = {
    version: 2,
    placementId,
    takenAt,
    sizeBytes,
    volumes,
    directories,
    files,
    jobs,
    claims,
  };
  for (const path of [...volumes, ...directories.map((one) => one.path)]) await syncPath(join(temporary, "data", path));
  return manifest;
};

/** What another try may do better, or none; anything else ends this process's turn, which writes nothing more. */
const isFailure = (error: unknown): boolean =>
  [DomainError, KubeError, KubeSilence, CopyFailure].some((kind) => error instanceof kind);

/**
 * Copies all data volumes into a directory of the store, in the same form as the process runtime does, so that either
 * can lay it in again. A pod reads them and the API server carries it; every file is checked by its hash.
 */
export const takeSnapshot = async (turn: WriteTurn, store: SnapshotStore, name: string): Promise<SnapshotFacts> => {
  const view = await turn.look(turn.namespace, true);
  refuseRunning(view);
  const of = { store, name, placementId: turn.placement.placementId, step: turn.step };
  const facts = await publishSnapshot(of, (temporary) => copyInto(turn, view, store, temporary, name)).catch(
    async (error: unknown) => {
      // It may be the last try, of a chain that is not started again.
      if (isFailure(error)) await thaw(turn).catch(() => undefined);
      throw error;
    },
  );
  await thaw(turn);
  return facts;
};
