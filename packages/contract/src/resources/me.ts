import { roles } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, page, pageQuery, time } from "../schemas.ts";

export const role = z.enum(roles);

export const tenant = z
  .object({
    id: id("tenant"),
    name: z.string(),
    country: z.string(),
    portal: z.string().describe("Slug of the tenant's portal."),
    state: z.string(),
    createdAt: time,
  })
  .meta({ id: "Tenant" });

export const user = z
  .object({ id: id("user"), email: z.string(), country: z.string(), createdAt: time })
  .meta({ id: "User" });

export const me = z
  .object({
    principal: z.object({ type: z.enum(["user", "serviceAccount"]), id: z.string() }),
    role,
    permissions: z.array(z.string()),
    tenant,
    user: user.optional().describe("Absent for a service account."),
  })
  .meta({ id: "Me" });

export const membership = z.object({ tenant, role }).meta({ id: "Membership" });

export const meRoutes = {
  "me.get": defineRoute({
    method: "GET",
    path: "/v1/me",
    operationId: "me.get",
    summary: "Who the credential is, and what it may do",
    tag: "Me",
    permission: "signedIn",
    scope: "tenant",
    successStatus: 200,
    responses: { 200: me },
    errors: [],
    isIdempotent: false,
  }),
  "me.tenants": defineRoute({
    method: "GET",
    path: "/v1/me/tenants",
    operationId: "me.tenants",
    summary: "The tenants that the credential's owner is a member of",
    tag: "Me",
    permission: "signedIn",
    scope: "tenant",
    query: z.strictObject(pageQuery),
    successStatus: 200,
    responses: { 200: page(membership, "MembershipList") },
    errors: [],
    isIdempotent: false,
  }),
} as const;
