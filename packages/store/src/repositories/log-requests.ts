import type { LogLine } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import { fromJson } from "../reconcile/rows.ts";

export interface NewLogRequest {
  id: string;
  tenantId: string;
  placementId: string;
  region: string;
  node: string;
  since: Date | null;
  limit: number;
  createdAt: Date;
}

/** A question to the worker that owns a node's driver, and its answer. */
export const logRequestRepository = {
  insert: async (transaction: StoreTransaction, request: NewLogRequest): Promise<void> => {
    await transaction.logRequest.createMany({ data: request });
  },

  /** Null: not answered yet. */
  answer: async (transaction: StoreTransaction, tenantId: string, id: string): Promise<LogLine[] | null> => {
    const row = await transaction.logRequest.findUnique({ where: { id, tenantId } });
    return row === null || row.answeredAt === null ? null : (fromJson<LogLine[] | null>(row.lines) ?? []);
  },

  /** A question is of no use once its asker is gone, and lines are not to be kept here. */
  remove: async (transaction: StoreTransaction, tenantId: string, id: string): Promise<void> => {
    await transaction.logRequest.deleteMany({ where: { id, tenantId } });
  },
};
