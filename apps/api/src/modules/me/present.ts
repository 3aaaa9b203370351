import type { TenantResource, UserResource } from "@portolan/contract";
import type { MembershipRecord, UserRecord } from "@portolan/store";

export const presentTenant = (
  tenant: Omit<MembershipRecord["tenant"], "portalSlug">,
  portal: string,
): TenantResource => ({
  id: tenant.id,
  name: tenant.name,
  country: tenant.country,
  portal,
  state: tenant.state,
  createdAt: tenant.createdAt.toISOString(),
});

export const presentUser = (user: UserRecord): UserResource => ({
  id: user.id,
  email: user.email,
  country: user.country,
  createdAt: user.createdAt.toISOString(),
});
