import type { StoreTransaction } from "../clients/create-clients.ts";
import type { ServiceAccount } from "../generated/client.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

export type ServiceAccountRow = Omit<ServiceAccount, "secretHash">;

export interface LiveServiceAccount {
  id: string;
  tenantId: string;
  portalId: string;
  role: string;
  expiresAt: Date | null;
}

export const serviceAccountRepository = {
  insert: (
    transaction: StoreTransaction,
    account: Pick<
      ServiceAccount,
      "id" | "tenantId" | "name" | "role" | "secretHash" | "prefix" | "expiresAt" | "createdAt"
    >,
  ): Promise<ServiceAccountRow> => transaction.serviceAccount.create({ data: account }),

  byId: (transaction: StoreTransaction, tenantId: string, id: string): Promise<ServiceAccountRow | null> =>
    transaction.serviceAccount.findUnique({ where: { id, tenantId } }),

  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    page: PageRequest,
  ): Promise<Page<ServiceAccountRow>> => {
    const rows = await transaction.serviceAccount.findMany({
      where: { tenantId, id: idBefore(page) },
      orderBy: { id: "desc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.id);
  },

  /** Null when it is not there or has been revoked. */
  rotate: async (
    transaction: StoreTransaction,
    input: { tenantId: string; id: string; secretHash: string; prefix: string },
  ): Promise<ServiceAccountRow | null> => {
    const { tenantId, id, secretHash, prefix } = input;
    const [row] = await transaction.serviceAccount.updateManyAndReturn({
      where: { id, tenantId, revokedAt: null },
      data: { secretHash, prefix },
    });
    return row ?? null;
  },

  /** True also when it was revoked before; false when it is not there. */
  revoke: async (transaction: StoreTransaction, tenantId: string, id: string, now: Date): Promise<boolean> => {
    const { count } = await transaction.serviceAccount.updateMany({
      where: { id, tenantId, revokedAt: null },
      data: { revokedAt: now },
    });
    return count === 1 || (await transaction.serviceAccount.count({ where: { id, tenantId } })) === 1;
  },

  /** By its key, for the role system: the tenant is not known yet. Null when revoked or its tenant is not active. */
  live: async (transaction: StoreTransaction, secretHash: string): Promise<LiveServiceAccount | null> => {
    const [row] = await transaction.$queryRaw<LiveServiceAccount[]>`
      select a.id, a.tenant_id as "tenantId", t.portal_id as "portalId", a.role, a.expires_at as "expiresAt"
      from service_accounts a join tenants t on t.id = a.tenant_id and t.state = 'active'
      where a.secret_hash = ${secretHash} and a.revoked_at is null`;
    return row ?? null;
  },

  /** Notes a use, at most once a minute per account, for the role system. */
  touch: async (transaction: StoreTransaction, id: string, now: Date): Promise<void> => {
    const before = new Date(now.getTime() - 60_000);
    await transaction.serviceAccount.updateMany({
      where: { id, OR: [{ lastUsedAt: null }, { lastUsedAt: { lt: before } }] },
      data: { lastUsedAt: now },
    });
  },
};
