export { evaluatePolicy, evaluatePolicyForAll, type PolicyReason, type PolicyVerdict } from "./evaluate.ts";
export {
  type ChainAccess,
  type ChainCurrency,
  chainAccesses,
  chainCurrencies,
  countryCodeSchema,
  type Policy,
  type PolicyAttributeName,
  type PolicyAttributes,
  type PolicyCondition,
  type PolicyRule,
  type PolicyStage,
  policyAttributeNames,
  policySchema,
  policyStages,
  type Verdict,
  verdicts,
} from "./policy.ts";
export { domesticCountries, domesticPolicy, globalPolicy } from "./sample-policies.ts";
