import { z } from "zod";

export const verdicts = ["allow", "deny"] as const;
export type Verdict = (typeof verdicts)[number];

export const chainAccesses = ["permissioned", "open"] as const;
export type ChainAccess = (typeof chainAccesses)[number];
export const chainCurrencies = ["none", "test", "public"] as const;
export type ChainCurrency = (typeof chainCurrencies)[number];
export const policyStages = ["signup", "signIn", "quote", "gateway"] as const;
export type PolicyStage = (typeof policyStages)[number];

/** ISO 3166-1 alpha-2, upper case. */
export const countryCodeSchema = z.string().regex(/^[A-Z]{2}$/, "Write a country as two capital letters, e.g. FR.");

/** What a policy may look at. At a stage where a thing is not known (no chain at signup) its attribute is missing. */
export interface PolicyAttributes {
  stage: PolicyStage;
  /** `permissioned`: only who holds a key or certificate of the tenants concerned gets in. */
  "chain.access"?: ChainAccess;
  /** `test`: coins made from nothing for development, worth nothing, confined to the chain; `public`: traded ones. */
  "chain.currency"?: ChainCurrency;
  framework?: string;
  "region.jurisdiction"?: string;
  "user.country"?: string;
}

export const policyAttributeNames = [
  "stage",
  "chain.access",
  "chain.currency",
  "framework",
  "region.jurisdiction",
  "user.country",
] as const satisfies readonly (keyof PolicyAttributes)[];
export type PolicyAttributeName = (typeof policyAttributeNames)[number];

const valuesSchema = z.array(z.string().min(1).max(64)).min(1).max(300);

const conditionSchema = z.union([
  z.strictObject({ equals: z.string().min(1).max(64) }),
  z.strictObject({ in: valuesSchema }),
  z.strictObject({ notIn: valuesSchema }),
  z.strictObject({ isMissing: z.literal(true) }),
]);
export type PolicyCondition = z.infer<typeof conditionSchema>;

const ruleIdSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$/)
  .max(100);
const textSchema = z.string().min(1).max(500);

const ruleSchema = z.strictObject({
  id: ruleIdSchema,
  /** All of them must be met; none at all always matches. */
  when: z.partialRecord(z.enum(policyAttributeNames), conditionSchema),
  verdict: z.enum(verdicts),
  /** What the person concerned is told, and what the decision log keeps. */
  reason: textSchema,
  hint: textSchema.optional(),
});
export type PolicyRule = z.infer<typeof ruleSchema>;

const closedValues: { readonly [name in PolicyAttributeName]?: readonly string[] } = {
  stage: policyStages,
  "chain.access": chainAccesses,
  "chain.currency": chainCurrencies,
};

const valuesOf = (condition: PolicyCondition): readonly string[] => {
  if ("equals" in condition) return [condition.equals];
  if ("in" in condition) return condition.in;
  return "notIn" in condition ? condition.notIn : [];
};

/** A misspelt value would be a rule that never matches, so values of closed sets are checked. */
const unknownValues = (rule: PolicyRule): string[] =>
  policyAttributeNames.flatMap((name) => {
    const condition = rule.when[name];
    const allowed = closedValues[name];
    if (condition === undefined || allowed === undefined) return [];
    return valuesOf(condition)
      .filter((value) => !allowed.includes(value))
      .map((value) => `${rule.id}: ${name} has no value "${value}".`);
  });

/** A portal's policy as data: ordered rules, the first that matches decides, and the default is said, not implied. */
export const policySchema = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/)
      .max(60),
    /** Raised with every change; a decision keeps the version that made it. */
    version: z.int().min(1),
    default: z.strictObject({
      id: ruleIdSchema,
      verdict: z.enum(verdicts),
      reason: textSchema,
      hint: textSchema.optional(),
    }),
    rules: z.array(ruleSchema).max(200),
  })
  .superRefine((policy, context) => {
    const ids = [...policy.rules.map((rule) => rule.id), policy.default.id];
    const twice = ids.find((id, index) => ids.indexOf(id) !== index);
    if (twice !== undefined)
      context.addIssue({ code: "custom", path: ["rules"], message: `Two rules are called ${twice}.` });
    for (const message of policy.rules.flatMap(unknownValues)) {
      context.addIssue({ code: "custom", path: ["rules"], message });
    }
  });
export type Policy = z.infer<typeof policySchema>;
