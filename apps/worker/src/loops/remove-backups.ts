import type { CentrePort } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { Runtime, SnapshotStore } from "@portolan/runtimes";

const atOnce = 50;

/**
 * Removes what is left in these regions' stores of backups that failed or were deleted. Repeated until the centre has
 * heard of it, so a worker that dies in between costs nothing.
 */
export const createBackupRemover =
  (deps: {
    centre: Pick<CentrePort, "doomedBackups" | "backupRemoved">;
    regions: readonly string[];
    runtimeFor(region: string): Pick<Runtime, "removeSnapshot"> | undefined;
    backups: SnapshotStore;
    log: Pick<Logger, "warn">;
  }) =>
  async (): Promise<void> => {
    for (const { backupId, placementId, region } of await deps.centre.doomedBackups(deps.regions, atOnce)) {
      try {
        await deps.runtimeFor(region)?.removeSnapshot(placementId, deps.backups, backupId);
        await deps.centre.backupRemoved(backupId, region);
      } catch (error) {
        deps.log.warn({ err: error, backupId, region }, "a backup's files could not be removed; it is tried again");
      }
    }
  };
