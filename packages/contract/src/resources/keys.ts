import { keyRestrictionsSchema, keyScopeSchema, keyScopesSchema } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, name, noContent, page, pageQuery, time, timeInput } from "../schemas.ts";

export const key = z
  .object({
    id: id("key"),
    appId: id("app"),
    name: z.string(),
    prefix: z.string().describe("The first characters of the secret, to tell which it is."),
    scopes: z.array(keyScopeSchema),
    allow: z.object({ origins: z.array(z.string()), addresses: z.array(z.string()), methods: z.array(z.string()) }),
    expiresAt: time.nullable(),
    revokedAt: time.nullable(),
    createdAt: time,
  })
  .meta({ id: "Key" });

export const keyWithSecret = z
  .object({ ...key.shape, secret: z.string().optional().describe("Only here. Absent in an idempotent replay.") })
  .meta({ id: "KeyWithSecret" });

const params = z.strictObject({ app: id("app"), key: id("key") });
const appParams = z.strictObject({ app: id("app") });

export const keyRoutes = {
  "keys.create": defineRoute({
    method: "POST",
    path: "/v1/apps/{app}/keys",
    operationId: "keys.create",
    summary: "Make a key for the gateway; its secret is shown once",
    tag: "Keys",
    permission: "key.create",
    scope: "tenant",
    params: appParams,
    body: z
      .strictObject({
        name,
        scopes: keyScopesSchema,
        allow: keyRestrictionsSchema.optional(),
        expiresAt: timeInput.optional(),
      })
      .meta({
        examples: [
          { name: "laptop", scopes: ["rpc", "rpc:dev"] },
          {
            name: "web page",
            scopes: ["rpc"],
            allow: { origins: ["https://app.example.org"], methods: ["eth_*"] },
            expiresAt: "2027-06-30T00:00:00Z",
          },
        ],
      }),
    successStatus: 201,
    responses: { 201: keyWithSecret },
    errors: ["resource.not_found", "key.limit", "app.closed", "app.suspended"],
    isIdempotent: true,
  }),
  "keys.list": defineRoute({
    method: "GET",
    path: "/v1/apps/{app}/keys",
    operationId: "keys.list",
    summary: "List an app's keys",
    tag: "Keys",
    permission: "key.read",
    scope: "tenant",
    params: appParams,
    query: z.strictObject(pageQuery),
    successStatus: 200,
    responses: { 200: page(key, "KeyList") },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
  "keys.revoke": defineRoute({
    method: "DELETE",
    path: "/v1/apps/{app}/keys/{key}",
    operationId: "keys.revoke",
    summary: "End a key; gateways refuse it within a second",
    tag: "Keys",
    permission: "key.revoke",
    scope: "tenant",
    params,
    successStatus: 204,
    responses: { 204: noContent },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
} as const;
