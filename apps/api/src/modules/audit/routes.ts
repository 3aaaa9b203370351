import type { AuditEventResource, DecisionResource } from "@portolan/contract";
import { type AuditRow, auditRepository, type DecisionRow, decisionRepository, withTenant } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Handlers } from "../../http/handler.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";

const presentEvent = (row: AuditRow): AuditEventResource => ({
  id: row.id,
  seq: row.seq.toString(),
  actor: { type: row.actorType, id: row.actorId },
  action: row.action,
  target: { type: row.targetType, id: row.targetId },
  detail: row.detail as AuditEventResource["detail"],
  requestId: row.requestId,
  createdAt: row.createdAt.toISOString(),
  hash: row.hash,
});

const presentDecision = (row: DecisionRow): DecisionResource => ({
  id: row.id,
  stage: row.stage as DecisionResource["stage"],
  verdict: row.verdict as DecisionResource["verdict"],
  attributes: row.attributes as DecisionResource["attributes"],
  reasons: row.reasons as DecisionResource["reasons"],
  policyVersion: row.policyVersion,
  requestId: row.requestId,
  createdAt: row.createdAt.toISOString(),
});

export const auditHandlers = ({ clients }: ApiDeps): Pick<Handlers, "audit.list" | "decisions.list"> => ({
  "audit.list": async ({ principal: { tenantId }, query }) => {
    const page = toPageRequestOf("number", query);
    const rows = await withTenant(clients.app, tenantId, (transaction) =>
      auditRepository.list(transaction, tenantId, page),
    );
    return { body: presentPage(rows, presentEvent) };
  },
  "decisions.list": async ({ principal: { tenantId }, query }) => {
    const page = toPageRequestOf("dec", query);
    const rows = await withTenant(clients.app, tenantId, (transaction) =>
      decisionRepository.list(transaction, tenantId, page),
    );
    return { body: presentPage(rows, presentDecision) };
  },
});
