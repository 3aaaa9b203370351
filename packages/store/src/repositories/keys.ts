import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Key } from "../generated/client.ts";
import { toJson } from "../reconcile/rows.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

export type KeyRow = Omit<Key, "secretHash">;

export const keyRepository = {
  insert: (
    transaction: StoreTransaction,
    key: Pick<
      Key,
      "id" | "tenantId" | "appId" | "name" | "prefix" | "secretHash" | "scopes" | "expiresAt" | "createdAt"
    > & {
      allow: object;
    },
  ): Promise<KeyRow> => transaction.key.create({ data: { ...key, allow: toJson(key.allow) } }),

  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    appId: string,
    page: PageRequest,
  ): Promise<Page<KeyRow>> => {
    const rows = await transaction.key.findMany({
      where: { tenantId, appId, id: idBefore(page) },
      orderBy: { id: "desc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.id);
  },

  countLive: (transaction: StoreTransaction, tenantId: string, appId: string, now: Date): Promise<number> =>
    transaction.key.count({
      where: { tenantId, appId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
    }),

  /** `revoked` now, `before`, or `absent`. */
  revoke: async (
    transaction: StoreTransaction,
    input: { tenantId: string; appId: string; id: string; now: Date },
  ): Promise<"revoked" | "before" | "absent"> => {
    const { tenantId, appId, id, now } = input;
    const { count } = await transaction.key.updateMany({
      where: { id, tenantId, appId, revokedAt: null },
      data: { revokedAt: now, version: { increment: 1 } },
    });
    if (count === 1) return "revoked";
    return (await transaction.key.count({ where: { id, tenantId, appId } })) === 1 ? "before" : "absent";
  },

  revokeAll: async (transaction: StoreTransaction, tenantId: string, appId: string, now: Date): Promise<void> => {
    await transaction.key.updateMany({
      where: { tenantId, appId, revokedAt: null },
      data: { revokedAt: now, version: { increment: 1 } },
    });
  },
};
