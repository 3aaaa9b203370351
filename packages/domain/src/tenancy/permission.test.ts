import { describe, expect, it } from "vitest";
import { can, canGrant, type Permission, permissions, permissionsOf, permissionTable } from "./permission.ts";
import { type Role, roles, tenantRoles } from "./role.ts";

describe("the permission table", () => {
  it.each<[Role, Permission, boolean]>([
    ["owner", "chain.delete", true],
    ["admin", "serviceAccount.create", true],
    ["developer", "chain.create", true],
    ["developer", "serviceAccount.create", false],
    ["developer", "bill.read", false],
    ["finance", "bill.read", true],
    ["finance", "chain.create", false],
    ["finance", "key.create", false],
    ["viewer", "chain.read", true],
    ["viewer", "chain.logs", false],
    ["portalAdmin", "chain.read", false],
    ["portalAdmin", "tenant.suspend", true],
    ["owner", "tenant.suspend", false],
    ["owner", "region.manage", false],
  ])("%s may %s: %s", (role, permission, expected) => {
    expect(can(role, permission)).toBe(expected);
  });

  it("lets viewers and finance change nothing", () => {
    const changing = permissions.filter((permission) => !/\.(read|quote)$/.test(permission));
    for (const role of ["viewer", "finance"] as const) {
      expect(changing.filter((permission) => can(role, permission))).toEqual([]);
    }
  });

  it("gives the owner whatever any role of the tenant has, and names each role once a permission", () => {
    for (const permission of permissions) {
      const holders: readonly Role[] = permissionTable[permission];
      expect(new Set(holders).size).toBe(holders.length);
      if (tenantRoles.some((role) => can(role, permission))) expect(can("owner", permission)).toBe(true);
    }
  });

  it("answers no for names that it does not know", () => {
    expect(can("root" as Role, "app.read")).toBe(false);
    expect(can("owner", "constructor" as Permission)).toBe(false);
  });
});

describe("canGrant", () => {
  it("never lets a role give more than it has", () => {
    for (const granter of roles) {
      for (const granted of roles.filter((role) => canGrant(granter, role))) {
        expect(permissionsOf(granted).filter((permission) => !can(granter, permission))).toEqual([]);
      }
    }
  });

  it("leaves making owners to owners", () => {
    expect(canGrant("owner", "owner")).toBe(true);
    expect(canGrant("admin", "owner")).toBe(false);
    expect(canGrant("admin", "developer")).toBe(true);
    expect(canGrant("developer", "admin")).toBe(false);
    expect(canGrant("owner", "operator")).toBe(false);
  });
});
