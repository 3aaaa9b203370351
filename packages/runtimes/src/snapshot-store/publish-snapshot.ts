import { existsSync } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DomainError } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import type { SnapshotFacts, SnapshotStore } from "../runtime.ts";
import { makePath } from "./make-path.ts";
import { digestOf, type Manifest, manifestFile, readManifest, snapshotDirectory } from "./manifest.ts";
import { storeFull } from "./refuse-too-much.ts";
import { syncPath } from "./sync-path.ts";

const factsOf = (manifest: Pick<Manifest, "sizeBytes" | "files">, text: string | Buffer): SnapshotFacts => ({
  sizeBytes: manifest.sizeBytes,
  files: manifest.files.length,
  digest: digestOf(text),
});

const writeManifest = async (directory: string, manifest: Manifest): Promise<string> => {
  const text = JSON.stringify(manifest);
  const handle = await open(join(directory, manifestFile), "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return text;
};

const isFull = (error: unknown): boolean => hasErrorCode(error, "ENOSPC", "EDQUOT");

/**
 * A snapshot in its place of the store, whole or not at all: `copyInto` lays volumes below `data` of a directory beside
 * it, on the disk when it ends, and says what they are. One that is there already is the answer, and nothing is copied.
 * `step` is called before what can be told apart from outside. @throws DomainError `backup.too_large` on a full disk.
 */
export const publishSnapshot = async (
  of: { store: SnapshotStore; name: string; placementId: string; step: (name: string) => Promise<void> },
  copyInto: (temporary: string) => Promise<Manifest>,
): Promise<SnapshotFacts> => {
  const { store, name, placementId, step } = of;
  const target = snapshotDirectory(store, name, placementId);
  // Published whole by a worker that could not say so any more.
  if (existsSync(target)) {
    const manifest = await readManifest(store, { name }, placementId);
    return factsOf(manifest, await readFile(join(target, manifestFile)));
  }
  const temporary = `${target}.part`;
  try {
    await step("snapshot.copy");
    await rm(temporary, { recursive: true, force: true });
    await makePath(temporary);
    const manifest = await copyInto(temporary);
    const text = await writeManifest(temporary, manifest);
    await syncPath(temporary);
    await step("snapshot.publish");
    await rename(temporary, target);
    await syncPath(dirname(target));
    await syncPath(store.path);
    return factsOf(manifest, text);
  } catch (error) {
    if (isFull(error) || (error instanceof DomainError && error.code === "backup.too_large"))
      await rm(temporary, { recursive: true, force: true });
    throw isFull(error) ? storeFull() : error;
  }
};
