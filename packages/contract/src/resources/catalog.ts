import { hostings } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, jsonObject, money, page, pageQuery, time } from "../schemas.ts";

export const framework = z
  .object({
    slug: z.string(),
    title: z.string(),
    family: z.string(),
    versions: z.array(z.object({ version: z.string(), upgradesTo: z.array(z.string()), isDefault: z.boolean() })),
    roles: z.array(z.object({ role: z.string(), title: z.string() })),
    plans: z.array(z.string()),
    sharing: z.array(z.enum(hostings)),
    protocols: z.array(z.string()),
    settings: jsonObject.describe("JSON Schema of a chain's `settings`."),
  })
  .meta({ id: "Framework" });

export const region = z
  .object({
    id: id("region"),
    slug: z.string(),
    name: z.string(),
    provider: z.string(),
    country: z.string(),
    city: z.string(),
    jurisdiction: z.string(),
    operator: z.string(),
    runtime: z.string(),
    gatewayUrl: z.string(),
    state: z
      .enum(["open", "draining", "closed"])
      .describe("Only an open region takes new chains, and only while there is no `reason`."),
    reason: z
      .object({ code: z.string(), message: z.string(), hint: z.string().nullable() })
      .nullable()
      .describe("What keeps the region from being worked on; it takes no new chains meanwhile. Null: nothing."),
    capabilities: z
      .object({
        isolation: z
          .enum(["none", "namespace"])
          .describe("`namespace`: nodes of different chains can't reach each other."),
        hasStorageExpansion: z.boolean().describe("Whether a node's storage can grow while the chain is there."),
        hasSnapshots: z.boolean().describe("Whether backups can be taken."),
        exposures: z
          .array(z.enum(["internal", "admin", "gateway", "public"]))
          .describe("How ports of nodes can be reached."),
        reachesForwarder: z
          .boolean()
          .optional()
          .describe(
            "False: no forks of other networks, and no chaincode at an address of one's own. Absent: both may be.",
          ),
        exposure: z
          .object({ domain: z.string(), byServerName: z.literal(true), byPort: z.literal(true).optional() })
          .optional()
          .describe(
            "Callers from outside can reach nodes: by TLS, under names below `domain`; with `byPort` also by port numbers there, for protocols without TLS. Absent: only through the gateway.",
          ),
        tenantCode: z
          .boolean()
          .optional()
          .describe("True: tenants' own code (chaincode by image) may run there, apart from everything else."),
        hidesSourceAddress: z
          .literal(true)
          .optional()
          .describe(
            "True: nodes don't know each other by their addresses there, so that no list of those can be kept.",
          ),
      })
      .nullable()
      .describe("As a worker of the region last said them; null: none has."),
    seenAt: time.nullable().describe("When a worker of the region was last heard."),
  })
  .meta({ id: "Region" });

export const plan = z
  .object({
    framework: z.string(),
    plan: z.string(),
    title: z.string(),
    recoveryWindowSeconds: z.int(),
    limits: jsonObject,
    perMonth: money
      .nullable()
      .describe("Of one chain with default settings in one region, 730 hours; null: not priced."),
  })
  .meta({ id: "Plan" });

const readRoute = {
  permission: "signedIn",
  scope: "tenant",
  successStatus: 200,
  errors: [],
  isIdempotent: false,
} as const;

export const catalogRoutes = {
  "frameworks.list": defineRoute({
    ...readRoute,
    method: "GET",
    path: "/v1/frameworks",
    operationId: "frameworks.list",
    summary: "Blockchain frameworks on offer",
    tag: "Catalogue",
    query: z.strictObject(pageQuery),
    responses: { 200: page(framework, "FrameworkList") },
  }),
  "regions.list": defineRoute({
    ...readRoute,
    method: "GET",
    path: "/v1/regions",
    operationId: "regions.list",
    summary: "Regions on offer",
    tag: "Catalogue",
    query: z.strictObject(pageQuery),
    responses: { 200: page(region, "RegionList") },
  }),
  "plans.list": defineRoute({
    ...readRoute,
    method: "GET",
    path: "/v1/plans",
    operationId: "plans.list",
    summary: "Plans of each framework, with their price",
    tag: "Catalogue",
    query: z.strictObject({
      ...pageQuery,
      framework: z
        .string()
        .min(1)
        .max(64)
        .regex(/^[a-z][a-z0-9-]*$/)
        .optional(),
    }),
    responses: { 200: page(plan, "PlanList") },
  }),
} as const;
