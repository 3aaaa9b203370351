import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Tenant, User } from "../generated/client.ts";

export type UserRecord = Omit<User, "passwordHash">;

export interface MembershipRecord {
  memberId: string;
  role: string;
  tenant: Tenant & { portalSlug: string };
}

/** People, before a tenant is known: for the role system, in signup and sign-in. */
export const userRepository = {
  /** With the password's hash, for the one comparison. */
  byEmail: (transaction: StoreTransaction, portalId: string, emailKey: string): Promise<User | null> =>
    transaction.user.findUnique({
      where: { portalId_emailKey: { portalId, emailKey } },
      omit: { passwordHash: false },
    }),

  byId: (transaction: StoreTransaction, id: string): Promise<UserRecord | null> =>
    transaction.user.findUnique({ where: { id } }),

  /** False: the address is taken at this portal. */
  insert: async (transaction: StoreTransaction, user: User): Promise<boolean> =>
    (await transaction.user.createMany({ data: user, skipDuplicates: true })).count === 1,

  /** The tenants that a user is a member of, oldest membership first. */
  memberships: (transaction: StoreTransaction, userId: string): Promise<MembershipRecord[]> =>
    loadMemberships(transaction, userId),
};

const loadMemberships = async (transaction: StoreTransaction, userId: string): Promise<MembershipRecord[]> => {
  const members = await transaction.member.findMany({ where: { userId }, orderBy: { id: "asc" }, take: 1_000 });
  const tenants = await transaction.tenant.findMany({
    where: { id: { in: members.map((member) => member.tenantId) } },
  });
  const portals = await transaction.portal.findMany({ select: { id: true, slug: true } });
  const slugs = new Map(portals.map((portal) => [portal.id, portal.slug]));
  const byId = new Map(tenants.map((tenant) => [tenant.id, tenant]));
  return members.flatMap(({ id, role, tenantId }) => {
    const tenant = byId.get(tenantId);
    if (tenant === undefined) return [];
    return [{ memberId: id, role, tenant: { ...tenant, portalSlug: slugs.get(tenant.portalId) ?? "" } }];
  });
};
