import { z } from "zod";

/** What a member is in a tenant. */
export const tenantRoles = ["owner", "admin", "developer", "finance", "viewer"] as const;
/** What a person is in a portal, beside any tenant. `operator` runs the plane and owns its own tenant (pools). */
export const portalRoles = ["portalAdmin", "operator"] as const;
export const roles = [...tenantRoles, ...portalRoles] as const;

export const roleSchema = z.enum(roles);
export type TenantRole = (typeof tenantRoles)[number];
export type PortalRole = (typeof portalRoles)[number];
export type Role = (typeof roles)[number];

/** A machine never owns a tenant: an owner can always take its key away. */
export const serviceAccountRoles = ["admin", "developer", "finance", "viewer"] as const satisfies readonly TenantRole[];
export const serviceAccountRoleSchema = z.enum(serviceAccountRoles);
export type ServiceAccountRole = (typeof serviceAccountRoles)[number];
