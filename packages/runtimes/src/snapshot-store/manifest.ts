import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError, toName } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import { checkName } from "../check-name.ts";
import type { SnapshotName, SnapshotStore } from "../runtime.ts";

interface ManifestFile {
  /** `<node>/<volume>/<path inside>` */
  path: string;
  sizeBytes: number;
  mode: number;
  sha256: string;
}

export interface Manifest {
  version: 2;
  placementId: string;
  takenAt: string;
  sizeBytes: number;
  /** `<node>/<volume>` */
  volumes: string[];
  /** Below the volumes, parents first. */
  directories: { path: string; mode: number }[];
  files: ManifestFile[];
  /** One-off jobs that were done to this data. */
  jobs: { [node: string]: { [key: string]: string } };
}

export const manifestFile = "manifest.json";

/** Of all placements' copies of this name. */
export const snapshotParent = (store: SnapshotStore, name: string): string =>
  join(store.path, checkName(toName(name), "snapshot's name"));

export const snapshotDirectory = (store: SnapshotStore, name: string, placementId: string): string =>
  join(snapshotParent(store, name), checkName(toName(placementId), "placement's id"));

export const digestOf = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");

export const damaged = (detail: string): DomainError =>
  new DomainError({
    code: "backup.damaged",
    message: "The backup is damaged: its files are not what they were when it was taken.",
    hint: "Restore another backup.",
    detail,
  });

const missing = (): DomainError =>
  new DomainError({
    code: "backup.missing",
    message: "The backup's files are not in the store.",
    hint: "Bring the backup's directory into the store (PORTOLAN_BACKUPS of the region's worker), or use another backup.",
  });

const isManifest = (thing: unknown): thing is Manifest =>
  typeof thing === "object" &&
  thing !== null &&
  "version" in thing &&
  thing.version === 2 &&
  ["volumes", "directories", "files"].every((name) => Array.isArray((thing as { [name: string]: unknown })[name]));

/** A path of a manifest that stays inside: manifests come from a store that others may write. */
export const checkInside = (path: string): string => {
  const isInside =
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..") && !path.includes("\0");
  if (!isInside) throw damaged("the manifest names a path outside of its volumes");
  return path;
};

const parseManifest = (text: Buffer): Manifest | undefined => {
  try {
    const value: unknown = JSON.parse(text.toString("utf8"));
    return isManifest(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** Of the placement's own snapshot. Throws `backup.missing`, or `backup.damaged` where it is not readable or another one. */
export const readManifest = async (
  store: SnapshotStore,
  { name, digest, sizeBytes }: SnapshotName,
  placementId: string,
): Promise<Manifest> => {
  let text: Buffer;
  try {
    text = await readFile(join(snapshotDirectory(store, name, placementId), manifestFile));
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) throw missing();
    throw error;
  }
  if (digest !== undefined && digestOf(text) !== digest) throw damaged("the manifest is another one than was taken");
  const manifest = parseManifest(text);
  if (manifest?.placementId !== placementId) throw damaged("the manifest can't be read, or is of another placement");
  // Of the files, each of which is compared when it is laid ready: what is metered must be what is there.
  const found = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (sizeBytes !== undefined && found !== sizeBytes) throw damaged(`its files have ${found} bytes, not ${sizeBytes}`);
  return manifest;
};
