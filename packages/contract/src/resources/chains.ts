import { z } from "zod";
import { defineRoute } from "../route.ts";
import { emptyBody, id, page, pageQuery, timeInput } from "../schemas.ts";
import { chain, chainEvent, chainInput, logLine, node, quote } from "./chain-schemas.ts";
import { operation } from "./operations.ts";

const params = z.strictObject({ chain: id("chain") });

const requestErrors = [
  "resource.not_found",
  "framework.unknown",
  "plan.unknown",
  "region.unknown",
  "chain.settings_invalid",
  "address.forbidden",
  "app.closed",
  "app.suspended",
] as const;

const wish = {
  tag: "Chains",
  permission: "chain.update",
  scope: "tenant",
  params,
  successStatus: 202,
  responses: { 202: operation },
  errors: ["resource.not_found", "chain.busy", "chain.deleted", "chain.wrong_phase", "app.suspended"],
} as const;

const read = {
  tag: "Chains",
  permission: "chain.read",
  scope: "tenant",
  successStatus: 200,
  isIdempotent: false,
} as const;

export const chainRoutes = {
  "chains.quote": defineRoute({
    method: "POST",
    path: "/v1/chains/quote",
    operationId: "chains.quote",
    summary: "What a chain would cost and need, and whether it is allowed; nothing changes",
    tag: "Chains",
    permission: "chain.quote",
    scope: "tenant",
    body: chainInput,
    successStatus: 200,
    responses: { 200: quote },
    errors: requestErrors,
    isIdempotent: true,
  }),
  "chains.create": defineRoute({
    method: "POST",
    path: "/v1/chains",
    operationId: "chains.create",
    summary: "Provision a chain",
    tag: "Chains",
    permission: "chain.create",
    scope: "tenant",
    body: chainInput,
    successStatus: 202,
    responses: { 202: operation },
    errors: [...requestErrors, "policy.denied", "quota.exceeded"],
    isIdempotent: true,
  }),
  "chains.list": defineRoute({
    ...read,
    method: "GET",
    path: "/v1/chains",
    operationId: "chains.list",
    summary: "List chains, newest first; purged ones are not in it",
    query: z.strictObject({ ...pageQuery, appId: id("app").optional() }),
    responses: { 200: page(chain, "ChainList") },
    errors: [],
  }),
  "chains.get": defineRoute({
    ...read,
    method: "GET",
    path: "/v1/chains/{chain}",
    operationId: "chains.get",
    summary: "One chain",
    params,
    responses: { 200: chain },
    errors: ["resource.not_found"],
    hasETag: true,
  }),
  "chains.pause": defineRoute({
    ...wish,
    method: "POST",
    path: "/v1/chains/{chain}/pause",
    operationId: "chains.pause",
    summary: "Stop its nodes; the data stays",
    body: emptyBody,
    isIdempotent: true,
  }),
  "chains.resume": defineRoute({
    ...wish,
    method: "POST",
    path: "/v1/chains/{chain}/resume",
    operationId: "chains.resume",
    summary: "Start a paused chain again",
    body: emptyBody,
    isIdempotent: true,
  }),
  "chains.delete": defineRoute({
    ...wish,
    method: "DELETE",
    path: "/v1/chains/{chain}",
    operationId: "chains.delete",
    summary: "Delete a chain; supersedes whatever else runs on it",
    permission: "chain.delete",
    errors: ["resource.not_found", "chain.deleted"],
    isIdempotent: false,
  }),
  "chains.restore": defineRoute({
    ...wish,
    method: "POST",
    path: "/v1/chains/{chain}/restore",
    operationId: "chains.restore",
    summary: "Bring a deleted chain back inside its plan's recovery window",
    body: z.strictObject({ backup: id("backup").optional() }),
    errors: [...wish.errors, "chain.not_restorable", "quota.exceeded", "policy.denied", "app.closed"],
    isIdempotent: true,
  }),
  "chains.nodes": defineRoute({
    ...read,
    method: "GET",
    path: "/v1/chains/{chain}/nodes",
    operationId: "chains.nodes",
    summary: "Its nodes, as last seen",
    params,
    query: z.strictObject(pageQuery),
    responses: { 200: page(node, "NodeList") },
    errors: ["resource.not_found"],
  }),
  "chains.logs": defineRoute({
    ...read,
    method: "GET",
    path: "/v1/chains/{chain}/logs",
    operationId: "chains.logs",
    permission: "chain.logs",
    summary: "Last lines that a node's programs wrote, asked of its region",
    params,
    query: z.strictObject({
      node: z
        .string()
        .min(1)
        .max(64)
        .regex(/^[a-z][a-z0-9-]*$/)
        .optional()
        .describe("Its name; without it the chain's first node."),
      since: timeInput.optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
    responses: { 200: z.object({ node: z.string(), lines: z.array(logLine) }).meta({ id: "Logs" }) },
    errors: ["resource.not_found", "region.unreachable"],
  }),
  "chains.events": defineRoute({
    ...read,
    method: "GET",
    path: "/v1/chains/{chain}/events",
    operationId: "chains.events",
    summary: "What happened to it, newest first",
    params,
    query: z.strictObject(pageQuery),
    responses: { 200: page(chainEvent, "ChainEventList") },
    errors: ["resource.not_found"],
  }),
} as const;
