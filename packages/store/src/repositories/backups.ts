import { mostBackups } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Backup } from "../generated/client.ts";
import { toJson } from "../reconcile/rows.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

export type BackupRow = Backup;

export interface NewBackup {
  id: string;
  tenantId: string;
  chainId: string;
  operationId: string;
  framework: string;
  version: string;
  nodes: readonly string[];
  createdAt: Date;
}

/** Backups, as the API writes and reads them. Whoever inserts holds the chain's row. What is in them, regions report. */
export const backupRepository = {
  byId: (transaction: StoreTransaction, tenantId: string, id: string): Promise<BackupRow | null> =>
    transaction.backup.findUnique({ where: { id, tenantId } }),

  /** Newest first; deleted ones are not in it. */
  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    input: PageRequest & { chainId: string },
  ): Promise<Page<BackupRow>> => {
    const rows = await transaction.backup.findMany({
      where: { tenantId, chainId: input.chainId, state: { not: "deleted" }, id: idBefore(input) },
      orderBy: { id: "desc" },
      take: input.size + 1,
    });
    return toPage(rows, input.size, (row) => row.id);
  },

  /** True when the chain has as many as it may have; failed ones hold nothing. */
  isFull: async (transaction: StoreTransaction, tenantId: string, chainId: string): Promise<boolean> => {
    const where = { tenantId, chainId, state: { in: ["queued", "running", "ready"] } };
    return (await transaction.backup.count({ where })) >= mostBackups;
  },

  insert: (transaction: StoreTransaction, backup: NewBackup): Promise<BackupRow> =>
    transaction.backup.create({ data: { ...backup, nodes: toJson(backup.nodes) } }),

  /** From now on nobody can restore it; its files go a moment later. False: it is not one that can be deleted. */
  markDeleted: async (transaction: StoreTransaction, tenantId: string, id: string, now: Date): Promise<boolean> => {
    const { count } = await transaction.backup.updateMany({
      where: { id, tenantId, state: { in: ["ready", "failed"] } },
      data: { state: "deleted", endedAt: now },
    });
    return count === 1;
  },
};
