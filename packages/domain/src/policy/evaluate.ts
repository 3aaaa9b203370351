import type { Policy, PolicyAttributes, PolicyCondition, PolicyRule, Verdict } from "./policy.ts";
import { policyAttributeNames } from "./policy.ts";

export interface PolicyReason {
  rule: string;
  verdict: Verdict;
  message: string;
  hint?: string;
}

export interface PolicyVerdict {
  verdict: Verdict;
  reasons: PolicyReason[];
  /** What was judged, for the decision log. */
  attributes: PolicyAttributes;
  policy: { id: string; version: number };
}

const isMet = (condition: PolicyCondition, value: string | undefined): boolean => {
  if ("isMissing" in condition) return value === undefined;
  // Of what is not known nothing is true: neither `in` nor `notIn`. A policy that must not let the unknown through
  // says so by `isMissing` or by a default of `deny`.
  if (value === undefined) return false;
  if ("equals" in condition) return value === condition.equals;
  if ("in" in condition) return condition.in.includes(value);
  return !condition.notIn.includes(value);
};

const matches = (rule: PolicyRule, attributes: PolicyAttributes): boolean =>
  policyAttributeNames.every((name) => {
    const condition = rule.when[name];
    return condition === undefined || isMet(condition, attributes[name]);
  });

/**
 * The first rule whose conditions are all met decides; none: the policy's default, which counts as a rule in the
 * reasons. A condition on a missing attribute is not met, whatever its operator, except `isMissing`.
 */
export const evaluatePolicy = (policy: Policy, attributes: PolicyAttributes): PolicyVerdict => {
  const rule = policy.rules.find((candidate) => matches(candidate, attributes)) ?? policy.default;
  const reason: PolicyReason = {
    rule: rule.id,
    verdict: rule.verdict,
    message: rule.reason,
    ...(rule.hint === undefined ? {} : { hint: rule.hint }),
  };
  return { verdict: rule.verdict, reasons: [reason], attributes, policy: { id: policy.id, version: policy.version } };
};

/**
 * One verdict per set of attributes (a chain in several regions has one per jurisdiction) and the joint one: denied
 * when any is. Throws RangeError for no sets: nothing judged must not read as allowed.
 */
export const evaluatePolicyForAll = (
  policy: Policy,
  attributeSets: readonly PolicyAttributes[],
): { verdict: Verdict; reasons: PolicyReason[]; verdicts: PolicyVerdict[] } => {
  if (attributeSets.length === 0) throw new RangeError("There is nothing to judge.");
  const verdicts = attributeSets.map((attributes) => evaluatePolicy(policy, attributes));
  const verdict = verdicts.some((each) => each.verdict === "deny") ? "deny" : "allow";
  const reasons = new Map(
    verdicts
      .flatMap((each) => each.reasons)
      .filter((reason) => reason.verdict === verdict)
      .map((reason) => [reason.rule, reason]),
  );
  return { verdict, reasons: [...reasons.values()], verdicts };
};
