import { conditionTypes, hostings, nodeObservationStates, phases } from "@portolan/domain";
import { z } from "zod";
import { id, jsonObject, money, name, pricedTiers, quantity, rate, reason, slug, time } from "../schemas.ts";

export const condition = z
  .object({
    type: z.enum(conditionTypes),
    status: z.enum(["true", "false", "unknown"]),
    reason: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    since: time,
  })
  .meta({ id: "Condition" });

export const endpoint = z
  .object({ protocol: z.string(), region: z.string(), url: z.string() })
  .meta({ id: "ChainEndpoint" });

export const chain = z
  .object({
    id: id("chain"),
    appId: id("app"),
    name: z.string(),
    framework: z.string(),
    version: z.string(),
    plan: z.string(),
    hosting: z.enum(hostings),
    regions: z.array(z.string()),
    settings: jsonObject,
    planDefaults: jsonObject
      .optional()
      .describe("Settings that are not given and that the plan decides; another plan may decide otherwise."),
    generation: z.int(),
    observedGeneration: z.int(),
    phase: z.enum(phases),
    conditions: z.array(condition),
    endpoints: z.array(endpoint),
    createdAt: time,
    deletedAt: time.optional(),
    purgeAt: time.optional().describe("Until then a deleted chain can be restored."),
  })
  .meta({ id: "Chain" });

const frameworkVersion = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[0-9A-Za-z.+-]+$/);

/** What a chain is made from; also the body of a quote. */
export const chainInput = z
  .strictObject({
    appId: id("app"),
    name,
    framework: slug,
    version: frameworkVersion.optional(),
    plan: slug,
    regions: z.array(slug).min(1).max(10),
    hosting: z.enum(hostings).default("dedicated"),
    settings: jsonObject.default({}),
  })
  .meta({
    id: "ChainRequest",
    examples: [
      {
        appId: "app_01m833jfstj62gcgm2xq1fndjy",
        name: "ledger",
        framework: "anvil",
        plan: "dev",
        regions: ["local"],
        settings: { blockTimeSeconds: 2 },
      },
    ],
  });

/** A change of a chain; also the body of its quote. */
export const chainChange = z.strictObject({
  name: name.optional(),
  settings: jsonObject.optional().describe("Merged into the chain's; null takes a member back to its default."),
  version: frameworkVersion
    .optional()
    .describe("A version that its framework lists among the present one's `upgradesTo`; rolled node by node."),
  plan: slug
    .optional()
    .describe("Another plan: its nodes get that plan's processors, memory and storage, node by node."),
});

export const quoteLine = z
  .object({
    sku: z.string(),
    region: z.string(),
    quantity,
    unit: z.string(),
    unitPrice: rate,
    amount: money,
    priceVersion: z.int(),
    isAssumption: z.boolean().describe("Depends on use that was assumed, not on what is reserved."),
    tiers: pricedTiers,
  })
  .meta({ id: "QuoteLine" });

export const quote = z
  .object({
    allowed: z.boolean(),
    reasons: z.array(reason),
    cost: z.object({ perMonth: money, lines: z.array(quoteLine) }),
    quota: z.array(z.object({ name: z.string(), limit: z.int(), used: z.int(), after: z.int() })),
    nodes: z.array(z.object({ name: z.string(), role: z.string(), region: z.string() })),
    objects: z.array(z.object({ kind: z.string(), name: z.string(), region: z.string() })),
  })
  .meta({ id: "Quote" });

export const node = z
  .object({
    id: id("node"),
    name: z.string(),
    role: z.string(),
    region: z.string(),
    version: z.string(),
    state: z.enum(nodeObservationStates),
    isHealthy: z.boolean(),
    reason: z.string().optional(),
    message: z.string().optional(),
    height: z.string().optional(),
    storageBytes: z.string().optional(),
    startedAt: time.optional(),
    outside: z
      .object({
        host: z.string(),
        port: z.int(),
        serverName: z
          .string()
          .optional()
          .describe(
            "What a caller's TLS asks for; the node's certificate has it. Absent: the port is this node's alone.",
          ),
      })
      .optional()
      .describe("Where callers from outside its region reach it. Absent: only the gateway does."),
  })
  .meta({ id: "Node" });

export const logLine = z.object({ at: z.string(), process: z.string(), line: z.string() }).meta({ id: "LogLine" });

export const chainEvent = z
  .object({
    id: z.string(),
    type: z.string(),
    reason: z.string(),
    message: z.string(),
    detail: jsonObject,
    createdAt: time,
  })
  .meta({ id: "ChainEvent" });
