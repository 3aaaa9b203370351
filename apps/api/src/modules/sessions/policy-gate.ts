import { type Clock, DomainError, evaluatePolicy, type IdSource, type PolicyAttributes } from "@portolan/domain";
import {
  decisionRepository,
  inTransaction,
  type NewDecision,
  type PortalRecord,
  type StoreClients,
} from "@portolan/store";

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
    const { verdict, reasons, policy } = evaluatePolicy(portal.policy, attributes);
    const decision: NewDecision = {
      id: deps.ids.next("decision"),
      tenantId,
      portalId: portal.id,
      stage: attributes.stage,
      verdict,
      attributes,
      reasons,
      policyVersion: policy.version,
      requestId,
      createdAt: deps.clock.now(),
    };
    if (verdict === "allow") return decision;
    await inTransaction(deps.clients.system, (transaction) => decisionRepository.insert(transaction, [decision]));
    throw policyDenied(reasons, decision.id);
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
