import { statfs } from "node:fs/promises";
import { DomainError } from "@portolan/domain";
import type { SnapshotStore } from "../runtime.ts";

/** A store's disk is not filled to the brim: others live on it. */
const spareBytes = 64 << 20;

/** A manifest is read whole. */
const mostFiles = 500_000;

const tooLarge = (message: string, hint: string): DomainError =>
  new DomainError({ code: "backup.too_large", message, hint });

export const storeFull = (): DomainError =>
  tooLarge("The disk of the backup store has no room for the copy.", "Free some space there, or delete old backups.");

/** @throws DomainError `backup.too_large`: so much may not be in a backup, or there is no room for it. */
export const refuseTooMuch = async (store: SnapshotStore, sizeBytes: number, entries: number): Promise<void> => {
  if (entries > mostFiles || (store.maxBytes !== undefined && sizeBytes > store.maxBytes))
    throw tooLarge("The data is larger than a backup may be here.", "Raise PORTOLAN_BACKUP_MAX_BYTES of the worker.");
  const { bavail, bsize } = await statfs(store.path);
  if (bavail * bsize < sizeBytes + spareBytes) throw storeFull();
};
