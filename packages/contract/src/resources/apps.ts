import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, name, page, pageQuery, time } from "../schemas.ts";

export const app = z
  .object({
    id: id("app"),
    name: z.string(),
    state: z.enum(["active", "suspended", "closed"]),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: "App" });

const params = z.strictObject({ app: id("app") });

export const appRoutes = {
  "apps.create": defineRoute({
    method: "POST",
    path: "/v1/apps",
    operationId: "apps.create",
    summary: "Make an app, the unit that is billed",
    tag: "Apps",
    permission: "app.create",
    scope: "tenant",
    body: z.strictObject({ name }).meta({ examples: [{ name: "shop" }] }),
    successStatus: 201,
    responses: { 201: app },
    errors: ["quota.exceeded"],
    isIdempotent: true,
    hasETag: true,
  }),
  "apps.list": defineRoute({
    method: "GET",
    path: "/v1/apps",
    operationId: "apps.list",
    summary: "List apps, newest first",
    tag: "Apps",
    permission: "app.read",
    scope: "tenant",
    query: z.strictObject(pageQuery),
    successStatus: 200,
    responses: { 200: page(app, "AppList") },
    errors: [],
    isIdempotent: false,
  }),
  "apps.get": defineRoute({
    method: "GET",
    path: "/v1/apps/{app}",
    operationId: "apps.get",
    summary: "One app",
    tag: "Apps",
    permission: "app.read",
    scope: "tenant",
    params,
    successStatus: 200,
    responses: { 200: app },
    errors: ["resource.not_found"],
    isIdempotent: false,
    hasETag: true,
  }),
  "apps.update": defineRoute({
    method: "PATCH",
    path: "/v1/apps/{app}",
    operationId: "apps.update",
    summary: "Rename an app",
    tag: "Apps",
    permission: "app.update",
    scope: "tenant",
    params,
    body: z.strictObject({ name }).meta({ examples: [{ name: "shop" }] }),
    successStatus: 200,
    responses: { 200: app },
    errors: ["resource.not_found", "resource.stale", "app.closed"],
    isIdempotent: false,
    hasETag: true,
  }),
  "apps.close": defineRoute({
    method: "DELETE",
    path: "/v1/apps/{app}",
    operationId: "apps.close",
    summary: "Close an app without chains: its keys end, its bill stays",
    tag: "Apps",
    permission: "app.close",
    scope: "tenant",
    params,
    successStatus: 200,
    responses: { 200: app },
    errors: ["resource.not_found", "resource.stale", "app.has_chains"],
    isIdempotent: false,
    hasETag: true,
  }),
} as const;
