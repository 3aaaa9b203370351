export { displayNameMaxLength, displayNameSchema } from "./display-name.ts";
export { can, canGrant, type Permission, permissions, permissionsOf, permissionTable } from "./permission.ts";
export type { Principal } from "./principal.ts";
export {
  checkQuota,
  defaultQuotaLimits,
  type QuotaAmounts,
  type QuotaLimits,
  type QuotaLine,
  type QuotaName,
  type QuotaOverrides,
  quotaNames,
  quotaOverridesSchema,
  toQuotaLimits,
} from "./quota.ts";
export {
  type PortalRole,
  portalRoles,
  type Role,
  roleSchema,
  roles,
  type ServiceAccountRole,
  serviceAccountRoleSchema,
  serviceAccountRoles,
  type TenantRole,
  tenantRoles,
} from "./role.ts";
