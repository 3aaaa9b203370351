import { type Clock, DomainError, evaluatePolicy, type IdSource, type PolicyAttributes } from "@portolan/domain";
import {
  decisionRepository,
  inTransaction,
  type NewDecision,
  type PortalRecord,
  type StoreClients,
} from "@portolan/store";
import { toDecision } from "../audit/to-decision.ts";

export interface PolicyGate {
  /**
   * Judges one set of attributes. Allowed: the decision to write with the change. Denied: it is written now, and
   * `policy.denied` is thrown with the rule's own reason.
   */
  judge(input: {
    portal: PortalRecord;
    tenantId: string;
    attributes: PolicyAttributes;
    requestId: string;
  }): Promise<NewDecision>;
}

export const createPolicyGate = (deps: {
  clients: Pick<StoreClients, "system">;
  ids: IdSource;
  clock: Clock;
}): PolicyGate => ({
  judge: async ({ portal, tenantId, attributes, requestId }) => {
    const judged = evaluatePolicy(portal.policy, attributes);
    const decision = toDecision(deps, judged, { tenantId, portalId: portal.id, requestId });
    if (judged.verdict === "allow") return decision;
    await inTransaction(deps.clients.system, (transaction) => decisionRepository.insert(transaction, [decision]));
    throw policyDenied(judged.reasons, decision.id);
  },
});

export const policyDenied = (
  reasons: readonly { rule: string; message: string; hint?: string }[],
  decisionId: string,
): DomainError => {
  const first = reasons[0];
  return new DomainError({
    code: "policy.denied",
    message: first?.message ?? "The portal's policy does not allow this.",
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
    meta: { rule: first?.rule ?? "unknown", decisionId },
  });
};
