import type { Role } from "./role.ts";

const everyone = ["owner", "admin", "developer", "finance", "viewer", "operator"] as const;
const builders = ["owner", "admin", "developer", "operator"] as const;
const managers = ["owner", "admin", "operator"] as const;
const owners = ["owner", "operator"] as const;
const payers = ["owner", "admin", "finance", "operator"] as const;

/**
 * The one table of who may do what inside the tenant of the credential. Which tenant that is, is never decided here.
 * `portalAdmin` sees tenants and verdicts, not what tenants make.
 */
export const permissionTable = {
  "tenant.read": [...everyone, "portalAdmin"],
  "tenant.update": managers,
  "member.read": [...everyone, "portalAdmin"],
  "member.create": managers,
  "member.update": managers,
  "member.remove": managers,
  "serviceAccount.create": managers,
  "serviceAccount.read": managers,
  "serviceAccount.rotate": managers,
  "serviceAccount.revoke": managers,
  "app.create": builders,
  "app.read": everyone,
  "app.update": builders,
  "app.close": managers,
  "key.create": builders,
  "key.read": everyone,
  "key.revoke": builders,
  "registry.set": builders,
  "registry.read": builders,
  "registry.remove": builders,
  "chain.quote": everyone,
  "chain.create": builders,
  "chain.read": everyone,
  "chain.update": builders,
  "chain.delete": builders,
  "chain.logs": builders,
  // All keys of the chain go out with it, sealed to whoever knows a pass phrase.
  "chain.export": owners,
  "chain.import": builders,
  "backup.create": builders,
  "backup.read": everyone,
  "backup.delete": builders,
  "operation.read": everyone,
  "operation.cancel": builders,
  "operation.retry": builders,
  "usage.read": everyone,
  "request.read": builders,
  "bill.read": payers,
  "audit.read": [...managers, "finance", "portalAdmin"],
  "decision.read": [...everyone, "portalAdmin"],
  "tenant.suspend": ["portalAdmin", "operator"],
  "portal.read": ["portalAdmin", "operator"],
  "portal.update": ["operator"],
  "region.manage": ["operator"],
} as const satisfies { readonly [permission: string]: readonly Role[] };

export type Permission = keyof typeof permissionTable;

export const permissions = Object.keys(permissionTable) as readonly Permission[];

const byRole = new Map<Role, Set<Permission>>();
for (const permission of permissions) {
  for (const role of permissionTable[permission]) {
    byRole.set(role, (byRole.get(role) ?? new Set<Permission>()).add(permission));
  }
}

export const can = (role: Role, permission: Permission): boolean => byRole.get(role)?.has(permission) ?? false;

export const permissionsOf = (role: Role): readonly Permission[] =>
  permissions.filter((permission) => can(role, permission));

/** Nobody gives away what they do not have: the granted role's permissions are among the granter's. */
export const canGrant = (granter: Role, granted: Role): boolean => {
  if (granted === "owner") return granter === "owner" || granter === "operator";
  return permissionsOf(granted).every((permission) => can(granter, permission));
};
