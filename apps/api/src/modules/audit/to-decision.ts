import type { PolicyVerdict } from "@portolan/domain";
import type { NewDecision } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";

/** A verdict as the decision log keeps it: with what was judged, by which policy, for whom and when. */
export const toDecision = (
  { ids, clock }: Pick<ApiDeps, "ids" | "clock">,
  { verdict, attributes, reasons, policy }: PolicyVerdict,
  context: { tenantId: string; portalId: string; requestId: string },
): NewDecision => ({
  id: ids.next("decision"),
  ...context,
  stage: attributes.stage,
  verdict,
  attributes,
  reasons,
  policyVersion: policy.version,
  createdAt: clock.now(),
});
