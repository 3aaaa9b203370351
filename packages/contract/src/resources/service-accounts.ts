import { serviceAccountRoleSchema } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { emptyBody, id, name, noContent, page, pageQuery, time, timeInput } from "../schemas.ts";

export const serviceAccount = z
  .object({
    id: id("serviceAccount"),
    name: z.string(),
    role: serviceAccountRoleSchema,
    prefix: z.string().describe("The first characters of the secret, to tell which it is."),
    expiresAt: time.nullable(),
    revokedAt: time.nullable(),
    lastUsedAt: time.nullable(),
    createdAt: time,
  })
  .meta({ id: "ServiceAccount" });

export const serviceAccountWithSecret = z
  .object({
    ...serviceAccount.shape,
    secret: z.string().optional().describe("Only here. Absent in an idempotent replay."),
  })
  .meta({ id: "ServiceAccountWithSecret" });

const params = z.strictObject({ serviceAccount: id("serviceAccount") });

export const serviceAccountRoutes = {
  "serviceAccounts.create": defineRoute({
    method: "POST",
    path: "/v1/service-accounts",
    operationId: "serviceAccounts.create",
    summary: "Make a machine credential; its secret is shown once",
    tag: "Service accounts",
    permission: "serviceAccount.create",
    scope: "tenant",
    body: z.strictObject({ name, role: serviceAccountRoleSchema, expiresAt: timeInput.optional() }),
    successStatus: 201,
    responses: { 201: serviceAccountWithSecret },
    errors: ["permission.denied"],
    isIdempotent: true,
  }),
  "serviceAccounts.list": defineRoute({
    method: "GET",
    path: "/v1/service-accounts",
    operationId: "serviceAccounts.list",
    summary: "List machine credentials",
    tag: "Service accounts",
    permission: "serviceAccount.read",
    scope: "tenant",
    query: z.strictObject(pageQuery),
    successStatus: 200,
    responses: { 200: page(serviceAccount, "ServiceAccountList") },
    errors: [],
    isIdempotent: false,
  }),
  "serviceAccounts.get": defineRoute({
    method: "GET",
    path: "/v1/service-accounts/{serviceAccount}",
    operationId: "serviceAccounts.get",
    summary: "One machine credential",
    tag: "Service accounts",
    permission: "serviceAccount.read",
    scope: "tenant",
    params,
    successStatus: 200,
    responses: { 200: serviceAccount },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
  "serviceAccounts.rotate": defineRoute({
    method: "POST",
    path: "/v1/service-accounts/{serviceAccount}/rotate",
    operationId: "serviceAccounts.rotate",
    summary: "Give it a new secret; the old one ends at once",
    tag: "Service accounts",
    permission: "serviceAccount.rotate",
    scope: "tenant",
    params,
    body: emptyBody,
    successStatus: 200,
    responses: { 200: serviceAccountWithSecret },
    errors: ["resource.not_found", "resource.conflict"],
    isIdempotent: true,
  }),
  "serviceAccounts.revoke": defineRoute({
    method: "DELETE",
    path: "/v1/service-accounts/{serviceAccount}",
    operationId: "serviceAccounts.revoke",
    summary: "End it",
    tag: "Service accounts",
    permission: "serviceAccount.revoke",
    scope: "tenant",
    params,
    successStatus: 204,
    responses: { 204: noContent },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
} as const;
