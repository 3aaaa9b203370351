import { type Policy, policySchema } from "./policy.ts";

/** Countries whose users belong to the domestic portal. Hong Kong is a jurisdiction, and so a code, of its own. */
export const domesticCountries = ["CN"] as const;

/** Open applications; not reachable for domestic users. */
export const globalPolicy: Policy = policySchema.parse({
  id: "global",
  version: 1,
  default: { id: "global.open", verdict: "allow", reason: "The global portal is open to this." },
  rules: [
    {
      id: "global.domestic-users",
      when: { "user.country": { in: [...domesticCountries] } },
      verdict: "deny",
      reason: "The global portal does not serve users of this country.",
      hint: "Use the domestic portal: it carries closed, permissioned applications.",
    },
    {
      id: "global.country-unknown",
      when: { stage: { equals: "signup" }, "user.country": { isMissing: true } },
      verdict: "deny",
      reason: "The portal must know the user's country.",
      hint: "State the country, e.g. FR.",
    },
    {
      id: "global.domestic-region-open",
      when: { "region.jurisdiction": { in: [...domesticCountries] }, "chain.access": { equals: "open" } },
      verdict: "deny",
      reason: "Open applications are not placed in this jurisdiction.",
      hint: "Choose a region elsewhere, or a permissioned chain.",
    },
    {
      id: "global.domestic-region-currency",
      when: { "region.jurisdiction": { in: [...domesticCountries] }, "chain.currency": { equals: "public" } },
      verdict: "deny",
      reason: "Chains with a traded currency are not placed in this jurisdiction.",
      hint: "Choose a region elsewhere.",
    },
  ],
});

/** Closed, permissioned applications only, no crypto-currencies; what no rule allows is denied. */
export const domesticPolicy: Policy = policySchema.parse({
  id: "domestic",
  version: 1,
  default: {
    id: "domestic.closed",
    verdict: "deny",
    reason: "The domestic portal carries closed, permissioned applications without a currency only.",
    hint: "Choose a permissioned framework whose chains carry no currency.",
  },
  rules: [
    {
      id: "domestic.public-currency",
      when: { "chain.currency": { equals: "public" } },
      verdict: "deny",
      reason: "Crypto-currencies are not carried on the domestic portal.",
      hint: "Choose a permissioned framework whose chains carry no currency.",
    },
    {
      // Decided in docs/adr/0003-domestic-test-currency.md.
      id: "domestic.test-currency",
      when: { "chain.currency": { equals: "test" } },
      verdict: "deny",
      reason:
        "The domestic portal carries no currency, a worthless one for tests included: its coins move between accounts " +
        "as traded ones do, and nothing in the chain shows an auditor the difference.",
      hint: "Develop against a chain without a currency (a permissioned network whose gas costs nothing, or Fabric).",
    },
    {
      id: "domestic.open-access",
      when: { "chain.access": { equals: "open" } },
      verdict: "deny",
      reason: "Open applications are not carried on the domestic portal.",
      hint: "Choose a permissioned framework.",
    },
    {
      id: "domestic.permissioned",
      when: {
        stage: { in: ["quote", "gateway"] },
        "chain.access": { equals: "permissioned" },
        "chain.currency": { equals: "none" },
      },
      verdict: "allow",
      reason: "A permissioned application without a currency.",
    },
    {
      id: "domestic.account",
      when: { stage: { in: ["signup", "signIn"] } },
      verdict: "allow",
      reason: "Accounts are open to whom the portal's signup mode lets in.",
    },
  ],
});
