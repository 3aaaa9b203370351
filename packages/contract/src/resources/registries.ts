import { registryHostSchema, registryPasswordSchema, registryUsernameSchema } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, noContent, page, pageQuery, time } from "../schemas.ts";

export const registryCredential = z
  .object({
    appId: id("app"),
    host: z.string().describe("The registry, as images' names begin with it."),
    username: z.string(),
    setAt: time.describe("When these were last written."),
  })
  .meta({ id: "RegistryCredential" });

const params = z.strictObject({
  app: id("app"),
  registry: registryHostSchema.describe("The registry's host, and port where images' names have one."),
});

export const registryRoutes = {
  "registries.set": defineRoute({
    method: "PUT",
    path: "/v1/apps/{app}/registries/{registry}",
    operationId: "registries.set",
    summary: "Set an app's credentials for a registry",
    tag: "Registries",
    permission: "registry.set",
    scope: "tenant",
    params,
    body: z
      .strictObject({ username: registryUsernameSchema, password: registryPasswordSchema })
      .meta({ examples: [{ username: "acme-puller", password: "a token that may pull" }] }),
    successStatus: 200,
    responses: { 200: registryCredential },
    errors: [
      "resource.not_found",
      "registry.refused",
      "quota.exceeded",
      "app.closed",
      "app.suspended",
      "custody.unavailable",
    ],
    isIdempotent: false,
  }),
  "registries.list": defineRoute({
    method: "GET",
    path: "/v1/apps/{app}/registries",
    operationId: "registries.list",
    summary: "List the registries that an app has credentials for",
    tag: "Registries",
    permission: "registry.read",
    scope: "tenant",
    params: z.strictObject({ app: id("app") }),
    query: z.strictObject(pageQuery),
    successStatus: 200,
    responses: { 200: page(registryCredential, "RegistryCredentialList") },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
  "registries.get": defineRoute({
    method: "GET",
    path: "/v1/apps/{app}/registries/{registry}",
    operationId: "registries.get",
    summary: "Whether an app has credentials for a registry, and as whom",
    tag: "Registries",
    permission: "registry.read",
    scope: "tenant",
    params,
    successStatus: 200,
    responses: { 200: registryCredential },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
  "registries.remove": defineRoute({
    method: "DELETE",
    path: "/v1/apps/{app}/registries/{registry}",
    operationId: "registries.remove",
    summary: "Forget an app's credentials for a registry",
    tag: "Registries",
    permission: "registry.remove",
    scope: "tenant",
    params,
    successStatus: 204,
    responses: { 204: noContent },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
} as const;
