import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "@portolan/domain";
import { KubeError } from "../client/kube-error.ts";
import type { ClaimObject, KubeObject } from "../client/kube-object.ts";
import { type Kind, kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { findRefusal, toThrown } from "../failure.ts";
import { toFrozenName } from "../names.ts";
import {
  backupAnnotation,
  judgeSnapshot,
  renderFrozenClaim,
  renderVolumeSnapshot,
  type VolumeSnapshotObject,
} from "./volume-snapshot.ts";

const lookEveryMs = 250;
/** A driver that copies whole volumes for a snapshot takes its time. */
const readyMs = 600_000;
const goneMs = 60_000;

/** Snapshots of all of a placement's volumes, each ready to be made volumes of. */
export interface Frozen {
  backup: string;
  /** By the name of the claim that each is of. */
  snapshots: ReadonlyMap<string, VolumeSnapshotObject>;
}

const late = (message: string): DomainError =>
  new DomainError({
    code: "runtime.failed",
    message,
    hint: "kubectl describe volumesnapshot,pvc in the chain's namespace says why; without snapshotClass in the region's settings the volumes themselves are copied.",
    retryable: true,
  });

/** One of a name may be on its way out: what is to be made must not be laid over it. */
const removeWhole = async (turn: WriteTurn, kind: Kind, name: string): Promise<void> => {
  const endsAt = performance.now() + goneMs;
  for (;;) {
    const found = await turn.objects.get(kind, turn.namespace, name);
    if (found === undefined) return;
    if (found.metadata.deletionTimestamp === undefined) {
      await turn.step(`${kind.kind}.${name}.delete`);
      await turn.objects.remove(kind, found);
    }
    if (performance.now() > endsAt) throw late(`The cluster did not let go of ${kind.kind} ${name} in time.`);
    await sleep(lookEveryMs);
  }
};

const isUsable = (found: KubeObject | undefined, backup: string): boolean =>
  found !== undefined &&
  found.metadata.deletionTimestamp === undefined &&
  found.metadata.annotations?.[backupAnnotation] === backup;

const applied = async <T extends KubeObject>(turn: WriteTurn, manifest: T): Promise<T> => {
  await turn.step(`${manifest.kind}.${manifest.metadata.name}.apply`);
  try {
    return await turn.objects.apply<T>(manifest);
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) {
      throw toThrown(
        {
          reason: "snapshots_missing",
          message: "The cluster knows no volume snapshots, which the region's settings ask for.",
          hint: "Install the snapshot controller with its kinds, or take snapshotClass out of the region's settings.",
        },
        error,
      );
    }
    const known = error instanceof KubeError ? findRefusal(error.message) : undefined;
    throw known ? toThrown(known, error) : error;
  }
};

const take = async (turn: WriteTurn, claim: ClaimObject, backup: string): Promise<void> => {
  const manifest = renderVolumeSnapshot(turn, claim, backup);
  const { name } = manifest.metadata;
  const found = await turn.objects.get<VolumeSnapshotObject>(kinds.VolumeSnapshot, turn.namespace, name);
  // One that failed for this backup is made anew: its driver may never try again.
  if (found && isUsable(found, backup) && judgeSnapshot(found).state !== "failed") return;
  if (found) await removeWhole(turn, kinds.VolumeSnapshot, name);
  await applied(turn, manifest);
};

const waitReady = async (turn: WriteTurn, claim: string, endsAt: number): Promise<VolumeSnapshotObject> => {
  for (;;) {
    const found = await turn.objects.get<VolumeSnapshotObject>(
      kinds.VolumeSnapshot,
      turn.namespace,
      toFrozenName(claim),
    );
    const verdict = found ? judgeSnapshot(found) : ({ state: "failed", words: "it was taken away" } as const);
    if (found && verdict.state === "ready") return found;
    if (verdict.state === "failed")
      throw late(`The cluster can't take a snapshot of the volume ${claim}: ${verdict.words}`);
    if (performance.now() > endsAt) throw late(`The cluster's snapshot of the volume ${claim} was not ready in time.`);
    await sleep(lookEveryMs);
  }
};

/**
 * Snapshots of all these volumes at one moment of the stopped placement; those that an earlier try for this backup took
 * are good. What is made is written down first, so that whatever happens the next start clears it away.
 */
export const freeze = async (turn: WriteTurn, claims: readonly ClaimObject[], backup: string): Promise<Frozen> => {
  if (turn.state.frozen !== undefined && turn.state.frozen.backup !== backup) await thaw(turn);
  turn.state.frozen = { backup, claims: claims.map(({ metadata }) => metadata.name) };
  await turn.save();
  for (const claim of claims) await take(turn, claim, backup);
  const endsAt = performance.now() + readyMs;
  const snapshots = new Map<string, VolumeSnapshotObject>();
  for (const { metadata } of claims) snapshots.set(metadata.name, await waitReady(turn, metadata.name, endsAt));
  return { backup, snapshots };
};

/** Runs `work` with claims for volumes that are made of the snapshots of these; they are gone afterwards. */
export const withFrozenClaims = async <T>(
  turn: WriteTurn,
  { backup, snapshots }: Frozen,
  claims: ReadonlyMap<string, ClaimObject>,
  work: (claims: ReadonlyMap<string, string>) => Promise<T>,
): Promise<T> => {
  const made = new Map<string, string>();
  for (const [volume, claim] of claims) {
    const snapshot = snapshots.get(claim.metadata.name);
    if (snapshot === undefined) throw late(`There is no snapshot of the volume ${claim.metadata.name}.`);
    const manifest = renderFrozenClaim(turn, claim, snapshot, backup);
    const { name } = manifest.metadata;
    const found = await turn.objects.get(kinds.PersistentVolumeClaim, turn.namespace, name);
    if (found && !isUsable(found, backup)) await removeWhole(turn, kinds.PersistentVolumeClaim, name);
    await applied(turn, manifest);
    made.set(volume, name);
  }
  const result = await work(made);
  // The quota has room for one node's at a time.
  for (const name of made.values()) await removeWhole(turn, kinds.PersistentVolumeClaim, name);
  return result;
};

/** Takes away what `freeze` and `withFrozenClaims` made. */
export const thaw = async (turn: WriteTurn): Promise<void> => {
  const { frozen } = turn.state;
  if (frozen === undefined) return;
  for (const name of frozen.claims.map(toFrozenName)) {
    for (const kind of [kinds.PersistentVolumeClaim, kinds.VolumeSnapshot]) {
      const found = await turn.objects.get(kind, turn.namespace, name);
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) continue;
      await turn.step(`${kind.kind}.${name}.delete`);
      await turn.objects.remove(kind, found);
    }
  }
  delete turn.state.frozen;
  await turn.save();
};
