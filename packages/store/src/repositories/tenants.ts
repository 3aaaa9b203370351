import { type QuotaOverrides, quotaOverridesSchema } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Tenant } from "../generated/client.ts";

export interface NewTenant {
  id: string;
  portalId: string;
  name: string;
  country: string;
  kind: "customer" | "operator";
  createdAt: Date;
}

export const tenantRepository = {
  byId: (transaction: StoreTransaction, id: string): Promise<Tenant | null> =>
    transaction.tenant.findUnique({ where: { id } }),

  /** With the role system, at signup. */
  insert: async (transaction: StoreTransaction, tenant: NewTenant): Promise<Tenant> =>
    transaction.tenant.create({ data: tenant }),

  insertMember: async (
    transaction: StoreTransaction,
    member: { id: string; tenantId: string; userId: string; role: string; createdAt: Date },
  ): Promise<void> => {
    await transaction.member.create({ data: member });
  },

  quotas: async (transaction: StoreTransaction, tenantId: string): Promise<QuotaOverrides> => {
    const row = await transaction.tenant.findUnique({ where: { id: tenantId }, select: { quotas: true } });
    return quotaOverridesSchema.parse(row?.quotas ?? {});
  },

  /**
   * Holds the tenant's row until the transaction ends, so that what is counted against a quota can't change between
   * the count and the change.
   */
  lockQuota: async (transaction: StoreTransaction, tenantId: string): Promise<QuotaOverrides> => {
    const [row] = await transaction.$queryRaw<{ quotas: unknown }[]>`
      select quotas from tenants where id = ${tenantId} for no key update`;
    return quotaOverridesSchema.parse(row?.quotas ?? {});
  },
};
