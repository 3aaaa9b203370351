import { periodSchema } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, money, page, pageQuery, pricedTiers, quantity, rate, time, timeInput } from "../schemas.ts";

export const usageDimensions = ["chain", "method", "key", "region", "hour", "day"] as const;
export type UsageDimension = (typeof usageDimensions)[number];

const dimensionList = z
  .string()
  .max(100)
  .default("chain")
  .refine(
    (text) => {
      const parts = text.split(",");
      return (
        new Set(parts).size === parts.length && parts.every((part) => usageDimensions.some((known) => known === part))
      );
    },
    `must be some of ${usageDimensions.join(", ")}, with commas between them`,
  );

export const usageRow = z
  .object({
    sku: z.string(),
    unit: z.string(),
    subject: z.object({ type: z.string(), id: z.string() }).optional(),
    method: z.string().optional(),
    keyId: z.string().optional(),
    region: z.string().optional(),
    from: time.optional().describe("Start of the hour or day, when grouped by it."),
    quantity,
    count: quantity.describe("Calls in it, where it counts calls."),
  })
  .meta({ id: "UsageRow" });

export const usage = z
  .object({
    appId: id("app"),
    from: time,
    to: time,
    groupBy: z.array(z.enum(usageDimensions)),
    items: z.array(usageRow),
  })
  .meta({ id: "Usage" });

/** `refused`: by the gateway; `failed`: the node gave no usable answer; `error`: the node's own JSON-RPC error. */
const requestStatuses = ["ok", "error", "refused", "failed"] as const;
export type RequestStatus = (typeof requestStatuses)[number];

export const requestEntry = z
  .object({
    at: time,
    chainId: id("chain"),
    keyId: id("key"),
    method: z.string(),
    status: z.enum(requestStatuses),
    code: z.int().nullable(),
    durationMs: z.number(),
  })
  .meta({ id: "RequestEntry" });

export const billLine = z
  .object({
    sku: z.string(),
    subject: z.object({ type: z.string(), id: z.string() }),
    region: z.string(),
    quantity,
    unit: z.string(),
    unitPrice: rate,
    amount: money,
    priceVersion: z.int(),
    tiers: pricedTiers,
    usage: z.string().describe("Path of the usage that this line sums up."),
  })
  .meta({ id: "BillLine" });

export const bill = z
  .object({ appId: id("app"), period: z.string(), currency: z.string(), total: money, lines: z.array(billLine) })
  .meta({ id: "Bill" });

const params = z.strictObject({ app: id("app") });
const read = { method: "GET", scope: "tenant", params, successStatus: 200, isIdempotent: false } as const;

export const usageRoutes = {
  "usage.get": defineRoute({
    ...read,
    path: "/v1/apps/{app}/usage",
    operationId: "usage.get",
    summary: "Metered usage by hour, summed as `groupBy` says",
    tag: "Usage and bill",
    permission: "usage.read",
    query: z.strictObject({
      from: timeInput.optional().describe("Rounded down to the hour; default: the start of this month, UTC."),
      to: timeInput.optional().describe("Rounded up to the hour; default: now."),
      groupBy: dimensionList,
      sku: z
        .string()
        .min(1)
        .max(64)
        .regex(/^[a-z0-9.:_-]+$/i)
        .optional(),
      subject: z
        .string()
        .min(1)
        .max(64)
        .regex(/^[a-z0-9_-]+$/i)
        .optional()
        .describe("A chain's id."),
      region: z
        .string()
        .min(1)
        .max(64)
        .regex(/^[a-z][a-z0-9-]*$/)
        .optional(),
    }),
    responses: { 200: usage },
    errors: ["resource.not_found"],
  }),
  "requests.list": defineRoute({
    ...read,
    path: "/v1/apps/{app}/requests",
    operationId: "requests.list",
    summary: "The last calls, one by one, newest first (24 hours or 10,000)",
    tag: "Usage and bill",
    permission: "request.read",
    query: z.strictObject({ ...pageQuery, chainId: id("chain").optional() }),
    responses: { 200: page(requestEntry, "RequestList") },
    errors: ["resource.not_found"],
  }),
  "bills.get": defineRoute({
    ...read,
    path: "/v1/apps/{app}/bill",
    operationId: "bills.get",
    summary: "An app's bill of one month, so far if it is this month",
    tag: "Usage and bill",
    permission: "bill.read",
    query: z.strictObject({
      period: periodSchema.optional().describe("A calendar month in UTC; default: this one."),
    }),
    responses: { 200: bill },
    errors: ["resource.not_found"],
  }),
} as const;
