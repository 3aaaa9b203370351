/** `ready` alone can be restored. `deleted`: nothing of it is offered any more; its files go a moment later. */
export const backupStates = ["queued", "running", "ready", "failed", "deleted"] as const;
export type BackupState = (typeof backupStates)[number];

/** States in which a chain's data is about to be copied, or is. */
export const openBackupStates = ["queued", "running"] as const satisfies readonly BackupState[];

/** What a region's store holds of a backup: the copy of one placement's volumes. */
export interface BackupCopy {
  placementId: string;
  region: string;
  sizeBytes: number;
  files: number;
  /** SHA-256 of the copy's manifest, which has that of every file: kept apart from the store, which others may write. */
  digest: string;
}

/** How many backups of one chain there may be that are not deleted. */
export const mostBackups = 20;

/** Key of the result with which a region reports its part of a stage (`snapshot`, `verify`, `restore`). */
export const backupResultKey = (backupId: string, action: string): string => `${action}/${backupId}`;
