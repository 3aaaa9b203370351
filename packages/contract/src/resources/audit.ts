import { policyStages, verdicts } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, jsonObject, page, pageQuery, reason, time } from "../schemas.ts";

export const auditEvent = z
  .object({
    id: id("auditEvent"),
    seq: z.string().describe("Counts from 1 in each tenant, without gaps."),
    actor: z.object({ type: z.string(), id: z.string() }),
    action: z.string(),
    target: z.object({ type: z.string(), id: z.string() }),
    detail: jsonObject,
    requestId: z.string().nullable(),
    createdAt: time,
    hash: z.string().nullable().describe("Of this row chained to the former one; null until it is sealed."),
  })
  .meta({ id: "AuditEvent" });

export const decision = z
  .object({
    id: id("decision"),
    stage: z.enum(policyStages),
    verdict: z.enum(verdicts),
    attributes: jsonObject,
    reasons: z.array(reason),
    policyVersion: z.int(),
    requestId: z.string().nullable(),
    createdAt: time,
  })
  .meta({ id: "Decision" });

const list = {
  method: "GET",
  scope: "tenant",
  query: z.strictObject(pageQuery),
  successStatus: 200,
  errors: [],
  isIdempotent: false,
  tag: "Audit",
} as const;

export const auditRoutes = {
  "audit.list": defineRoute({
    ...list,
    permission: "audit.read",
    path: "/v1/audit",
    operationId: "audit.list",
    summary: "Who did what, newest first",
    responses: { 200: page(auditEvent, "AuditEventList") },
  }),
  "decisions.list": defineRoute({
    ...list,
    permission: "decision.read",
    path: "/v1/decisions",
    operationId: "decisions.list",
    summary: "Policy verdicts with their reasons, newest first",
    responses: { 200: page(decision, "DecisionList") },
  }),
} as const;
