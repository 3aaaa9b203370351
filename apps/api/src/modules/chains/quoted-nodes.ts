import type { ChainSpec, PlanFacts, QuotedNode } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";

/** Bytes that one node of a plan reserves; 0 when the plan says nothing. */
export const storageOf = (facts: PlanFacts): bigint => {
  const value = facts.limits["storageBytes"];
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return BigInt(value);
  return typeof value === "string" && /^\d{1,18}$/.test(value) ? BigInt(value) : 0n;
};

/** A chain's nodes as the price book and the quota count them. */
export const quotedNodes = (framework: Framework, facts: PlanFacts, spec: ChainSpec): QuotedNode[] =>
  framework.topology(spec).map(({ role, region, ports, isStateless }) => ({
    framework: framework.slug,
    plan: facts.plan,
    role,
    region,
    storageBytes: isStateless === true ? 0n : storageOf(facts),
    ...(ports.some(({ outsideBy }) => outsideBy !== undefined) ? { isOutside: true } : {}),
  }));
