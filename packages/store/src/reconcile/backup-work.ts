import type { BackupCopy, OperationError, Wish } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import { type Chain, Prisma } from "../generated/client.ts";
import { fromJson, toJson } from "./rows.ts";

/** A backup that is to be taken, as a coordinator's pass finds it. */
export interface BackupWork {
  id: string;
  /** The operation that asked for it: without that one, nobody waits for it any more. */
  operationId: string;
}

/** What a chain was wished to be before its data was to be replaced. */
export interface FormerWish {
  wish: Wish;
  deletedAt: Date | null;
  purgeAt: Date | null;
}

/** A backup whose data is wished back. */
export interface RestoreWork {
  backupId: string;
  copies: readonly BackupCopy[];
  /** Whether it still is one that can be restored. */
  isReady: boolean;
  former: FormerWish;
}

/** How a backup ended in this pass; written together with the pass's orders. */
export type BackupChange =
  | { id: string; state: "ready"; copies: readonly BackupCopy[] }
  | { id: string; state: "failed"; error: OperationError };

/** The data is back; or it is given up, and the chain is wished as it was before. */
export type RestoreChange = { kind: "done" } | { kind: "givenUp"; former: FormerWish };

export const loadBackupWork = async (transaction: StoreTransaction, chainId: string): Promise<BackupWork | null> => {
  const row = await transaction.backup.findFirst({ where: { chainId, state: { in: ["queued", "running"] } } });
  return row === null ? null : { id: row.id, operationId: row.operationId };
};

export const loadRestoreWork = async (
  transaction: StoreTransaction,
  chain: Pick<Chain, "id" | "restoreBackupId" | "wish">,
  former: Prisma.JsonValue | null,
): Promise<RestoreWork | null> => {
  const { id: chainId, restoreBackupId } = chain;
  if (restoreBackupId === null) return null;
  const row = await transaction.backup.findFirst({ where: { id: restoreBackupId, chainId } });
  const then = fromJson<{ wish?: Wish; deletedAt?: string | null; purgeAt?: string | null } | null>(former);
  const toDate = (text: string | null | undefined): Date | null => (text == null ? null : new Date(text));
  return {
    backupId: restoreBackupId,
    copies: row === null ? [] : fromJson<BackupCopy[]>(row.copies),
    isReady: row?.state === "ready",
    former: {
      wish: then?.wish ?? (chain.wish as Wish),
      deletedAt: toDate(then?.deletedAt),
      purgeAt: toDate(then?.purgeAt),
    },
  };
};

/** The state is part of the condition: what has ended is not revived. */
export const writeBackup = async (
  transaction: StoreTransaction,
  change: BackupChange | null,
  now: Date,
): Promise<void> => {
  if (change === null) return;
  const data =
    change.state === "failed"
      ? { state: "failed", error: toJson(change.error), endedAt: now }
      : {
          state: "ready",
          copies: toJson(change.copies),
          sizeBytes: BigInt(change.copies.reduce((sum, copy) => sum + copy.sizeBytes, 0)),
          error: Prisma.DbNull,
          endedAt: now,
        };
  await transaction.backup.updateMany({ where: { id: change.id, state: { in: ["queued", "running"] } }, data });
};

export const markBackupRunning = async (transaction: StoreTransaction, id: string): Promise<void> => {
  await transaction.backup.updateMany({ where: { id, state: "queued" }, data: { state: "running" } });
};

/**
 * A wish that arrived during the pass has taken the restore's place already. What came from elsewhere and never ran here
 * keeps its backup as the one to have: without it there would be no data, and addresses that no region has agreed to.
 */
export const writeRestore = async (
  transaction: StoreTransaction,
  work: { spec: { chainId: string }; generation: number; hasRun: boolean },
  change: RestoreChange | null,
): Promise<void> => {
  if (change === null) return;
  const isStillNeeded = change.kind === "givenUp" && !work.hasRun;
  await transaction.chain.updateMany({
    where: { id: work.spec.chainId, generation: work.generation },
    data: {
      ...(isStillNeeded ? {} : { restoreBackupId: null }),
      // The route's version rises with the wish, by a trigger.
      ...(change.kind === "done" ? {} : change.former),
    },
  });
};

/** Without its keys a chain's data is of no use: copies go with them. */
export const deleteBackupsOf = async (transaction: StoreTransaction, chainId: string, now: Date): Promise<void> => {
  await transaction.backup.updateMany({
    where: { chainId, state: { not: "deleted" } },
    data: { state: "deleted", endedAt: now },
  });
};
