import { describe, expect, it } from "vitest";
import { evaluatePolicy, evaluatePolicyForAll } from "./evaluate.ts";
import {
  type ChainAccess,
  type ChainCurrency,
  chainAccesses,
  chainCurrencies,
  type Policy,
  type PolicyAttributes,
  policySchema,
  policyStages,
} from "./policy.ts";
import { domesticPolicy, globalPolicy } from "./sample-policies.ts";

const ruleOf = (policy: Policy, attributes: PolicyAttributes): string => {
  const verdict = evaluatePolicy(policy, attributes);
  return `${verdict.verdict} ${verdict.reasons.map((reason) => reason.rule).join()}`;
};

/** Every chain that a policy can meet: 2 accesses × 3 currencies × 3 jurisdictions × 3 countries × 2 stages. */
const everyChain: Required<Omit<PolicyAttributes, "framework">>[] = (["quote", "gateway"] as const).flatMap((stage) =>
  chainAccesses.flatMap((access) =>
    chainCurrencies.flatMap((currency) =>
      ["CN", "HK", "FR"].flatMap((jurisdiction) =>
        ["CN", "HK", "FR"].map((country) => ({
          stage,
          "chain.access": access,
          "chain.currency": currency,
          "region.jurisdiction": jurisdiction,
          "user.country": country,
        })),
      ),
    ),
  ),
);

describe("the domestic portal", () => {
  const expected: { readonly [access in ChainAccess]: { readonly [currency in ChainCurrency]: string } } = {
    permissioned: {
      none: "allow domestic.permissioned",
      test: "deny domestic.test-currency",
      public: "deny domestic.public-currency",
    },
    open: {
      none: "deny domestic.open-access",
      test: "deny domestic.test-currency",
      public: "deny domestic.public-currency",
    },
  };

  it.each(everyChain)("judges %j", (attributes) => {
    expect(ruleOf(domesticPolicy, attributes)).toBe(expected[attributes["chain.access"]][attributes["chain.currency"]]);
  });

  it.each(["signup", "signIn"] as const)("leaves accounts to the signup mode at %s", (stage) => {
    for (const country of ["CN", "FR", undefined]) {
      const attributes: PolicyAttributes = { stage, ...(country === undefined ? {} : { "user.country": country }) };
      expect(ruleOf(domesticPolicy, attributes)).toBe("allow domestic.account");
    }
  });

  it("denies what it is not told enough about", () => {
    expect(ruleOf(domesticPolicy, { stage: "quote" })).toBe("deny domestic.closed");
    expect(ruleOf(domesticPolicy, { stage: "quote", "chain.access": "permissioned" })).toBe("deny domestic.closed");
    expect(ruleOf(domesticPolicy, { stage: "quote", "chain.currency": "none" })).toBe("deny domestic.closed");
  });
});

describe("the global portal", () => {
  const expectedOf = (attributes: (typeof everyChain)[number]): string => {
    if (attributes["user.country"] === "CN") return "deny global.domestic-users";
    if (attributes["region.jurisdiction"] !== "CN") return "allow global.open";
    if (attributes["chain.access"] === "open") return "deny global.domestic-region-open";
    return attributes["chain.currency"] === "public" ? "deny global.domestic-region-currency" : "allow global.open";
  };

  it.each(everyChain)("judges %j", (attributes) => {
    expect(ruleOf(globalPolicy, attributes)).toBe(expectedOf(attributes));
  });

  it.each(policyStages)("is not reachable for domestic users at %s, and says where to go", (stage) => {
    const verdict = evaluatePolicy(globalPolicy, { stage, "user.country": "CN" });
    expect(verdict.verdict).toBe("deny");
    expect(verdict.reasons[0]?.hint).toContain("domestic portal");
  });

  it.each([
    ["signup", "FR", "allow global.open"],
    ["signup", "HK", "allow global.open"],
    ["signIn", "FR", "allow global.open"],
    ["signup", undefined, "deny global.country-unknown"],
    ["signIn", undefined, "allow global.open"],
    ["gateway", undefined, "allow global.open"],
  ] as const)("at %s from %s: %s", (stage, country, expected) => {
    expect(ruleOf(globalPolicy, { stage, ...(country === undefined ? {} : { "user.country": country }) })).toBe(
      expected,
    );
  });
});

const policyWith = (rules: Policy["rules"]): Policy => ({
  id: "sample",
  version: 3,
  default: { id: "sample.default", verdict: "deny", reason: "Nothing allows it." },
  rules,
});

describe("evaluatePolicy", () => {
  it("lets the first rule that matches decide, and keeps what was judged", () => {
    const policy = policyWith([
      { id: "a", when: { framework: { in: ["besu"] } }, verdict: "deny", reason: "A." },
      { id: "b", when: { framework: { equals: "anvil" } }, verdict: "allow", reason: "B.", hint: "Go on." },
      { id: "c", when: {}, verdict: "deny", reason: "C." },
    ]);
    const attributes: PolicyAttributes = { stage: "quote", framework: "anvil" };
    expect(evaluatePolicy(policy, attributes)).toEqual({
      verdict: "allow",
      reasons: [{ rule: "b", verdict: "allow", message: "B.", hint: "Go on." }],
      attributes,
      policy: { id: "sample", version: 3 },
    });
    expect(ruleOf(policy, { stage: "quote", framework: "geth" })).toBe("deny c");
  });

  it("meets no condition on a missing attribute, notIn included, except isMissing", () => {
    const missing: PolicyAttributes = { stage: "quote" };
    const known: PolicyAttributes = { stage: "quote", "user.country": "FR" };
    const policyOn = (condition: NonNullable<Policy["rules"][number]["when"]["user.country"]>) =>
      policyWith([{ id: "hit", when: { "user.country": condition }, verdict: "allow", reason: "Hit." }]);
    expect(ruleOf(policyOn({ notIn: ["CN"] }), missing)).toBe("deny sample.default");
    expect(ruleOf(policyOn({ notIn: ["CN"] }), known)).toBe("allow hit");
    expect(ruleOf(policyOn({ notIn: ["FR"] }), known)).toBe("deny sample.default");
    expect(ruleOf(policyOn({ in: ["FR"] }), missing)).toBe("deny sample.default");
    expect(ruleOf(policyOn({ equals: "FR" }), missing)).toBe("deny sample.default");
    expect(ruleOf(policyOn({ isMissing: true }), missing)).toBe("allow hit");
    expect(ruleOf(policyOn({ isMissing: true }), known)).toBe("deny sample.default");
  });
});

describe("evaluatePolicyForAll", () => {
  const inRegion = (jurisdiction: string): PolicyAttributes => ({
    stage: "quote",
    "chain.access": "open",
    "chain.currency": "none",
    "region.jurisdiction": jurisdiction,
    "user.country": "FR",
  });

  it("denies when one region does, and gives only the reasons that decided", () => {
    const joint = evaluatePolicyForAll(globalPolicy, [inRegion("FR"), inRegion("CN"), inRegion("CN")]);
    expect(joint.verdict).toBe("deny");
    expect(joint.reasons.map((reason) => reason.rule)).toEqual(["global.domestic-region-open"]);
    expect(joint.verdicts.map((each) => each.verdict)).toEqual(["allow", "deny", "deny"]);
  });

  it("allows when all do, and does not take nothing as allowed", () => {
    expect(evaluatePolicyForAll(globalPolicy, [inRegion("FR"), inRegion("HK")]).verdict).toBe("allow");
    expect(() => evaluatePolicyForAll(globalPolicy, [])).toThrow(RangeError);
  });
});

describe("policySchema", () => {
  const rule = { id: "a.b", when: { stage: { equals: "quote" } }, verdict: "deny", reason: "No." };
  const base = { id: "p", version: 1, default: { id: "p.default", verdict: "allow", reason: "Yes." }, rules: [rule] };

  it("takes the sample policies as JSON and gives them back", () => {
    for (const policy of [globalPolicy, domesticPolicy, policySchema.parse(base)]) {
      expect(policySchema.parse(JSON.parse(JSON.stringify(policy)))).toEqual(policy);
    }
  });

  it.each([
    ["no default", { ...base, default: undefined }],
    ["an unknown attribute", { ...base, rules: [{ ...rule, when: { "user.age": { equals: "7" } } }] }],
    ["a value that the attribute never has", { ...base, rules: [{ ...rule, when: { stage: { equals: "qoute" } } }] }],
    ["two operators at once", { ...base, rules: [{ ...rule, when: { framework: { equals: "a", in: ["b"] } } }] }],
    ["an empty list", { ...base, rules: [{ ...rule, when: { framework: { in: [] } } }] }],
    ["two rules of one name", { ...base, rules: [rule, rule] }],
    ["a rule without a reason", { ...base, rules: [{ ...rule, reason: "" }] }],
    ["another verdict", { ...base, rules: [{ ...rule, verdict: "maybe" }] }],
  ])("refuses %s", (_what, policy) => {
    expect(policySchema.safeParse(policy).success).toBe(false);
  });
});
