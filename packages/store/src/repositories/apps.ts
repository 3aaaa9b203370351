import type { StoreTransaction } from "../clients/create-clients.ts";
import type { App } from "../generated/client.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

export type AppRow = App;

export const appRepository = {
  insert: (
    transaction: StoreTransaction,
    app: { id: string; tenantId: string; name: string; createdAt: Date },
  ): Promise<AppRow> => transaction.app.create({ data: { ...app, updatedAt: app.createdAt } }),

  byId: (transaction: StoreTransaction, tenantId: string, id: string): Promise<AppRow | null> =>
    transaction.app.findUnique({ where: { id, tenantId } }),

  /** Keeps the app from being closed until the transaction ends. Others may hold it likewise. */
  hold: async (transaction: StoreTransaction, tenantId: string, id: string): Promise<{ state: string } | null> => {
    const [row] = await transaction.$queryRaw<{ state: string }[]>`
      select state from apps where id = ${id} and tenant_id = ${tenantId} for share`;
    return row ?? null;
  },

  /** Keeps everybody else off the app's row until the transaction ends. */
  lock: async (transaction: StoreTransaction, tenantId: string, id: string): Promise<AppRow | null> => {
    await transaction.$queryRaw`select 1 as one from apps where id = ${id} and tenant_id = ${tenantId} for update`;
    return appRepository.byId(transaction, tenantId, id);
  },

  list: async (transaction: StoreTransaction, tenantId: string, page: PageRequest): Promise<Page<AppRow>> => {
    const rows = await transaction.app.findMany({
      where: { tenantId, id: idBefore(page) },
      orderBy: { id: "desc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.id);
  },

  count: (transaction: StoreTransaction, tenantId: string): Promise<number> =>
    transaction.app.count({ where: { tenantId, state: { not: "closed" } } }),

  update: (
    transaction: StoreTransaction,
    tenantId: string,
    id: string,
    change: { name?: string; state?: string; updatedAt: Date },
  ): Promise<AppRow> =>
    transaction.app.update({ where: { id, tenantId }, data: { ...change, version: { increment: 1 } } }),

  /** Chains of the app that are not deleted. */
  countChains: (transaction: StoreTransaction, tenantId: string, appId: string): Promise<number> =>
    transaction.chain.count({ where: { tenantId, appId, wish: { in: ["running", "paused"] } } }),
};
