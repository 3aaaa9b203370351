import { common, msp } from "@hyperledger/fabric-protos";
import { policyRoles } from "./policy-text.ts";

const implicitRules = ["ANY", "ALL", "MAJORITY"];

const renderPrincipal = (principal: msp.MSPPrincipal | undefined): string => {
  if (principal?.getPrincipalClassification() === msp.MSPPrincipal.Classification.ROLE) {
    const role = msp.MSPRole.deserializeBinary(principal.getPrincipal_asU8());
    return `'${role.getMspIdentifier()}.${policyRoles[role.getRole()] ?? role.getRole()}'`;
  }
  if (principal?.getPrincipalClassification() === msp.MSPPrincipal.Classification.IDENTITY) {
    const identity = msp.SerializedIdentity.deserializeBinary(principal.getPrincipal_asU8());
    return `'${identity.getMspid()} by certificate'`;
  }
  return "'?'";
};

const renderRule = (rule: common.SignaturePolicy | undefined, principals: readonly msp.MSPPrincipal[]): string => {
  const outOf = rule?.getNOutOf();
  if (outOf === undefined) return renderPrincipal(principals[rule?.getSignedBy() ?? -1]);
  const inner = outOf.getRulesList().map((each) => renderRule(each, principals));
  if (outOf.getN() === 1) return `OR(${inner.join(", ")})`;
  if (outOf.getN() === inner.length) return `AND(${inner.join(", ")})`;
  return `OutOf(${outOf.getN()}, ${inner.join(", ")})`;
};

/** A policy as a text of the policy language, the same for the same policy however it was written. */
export const renderPolicy = (policy: common.Policy | undefined): string => {
  const value = policy?.getValue_asU8() ?? new Uint8Array();
  if (policy?.getType() === common.Policy.PolicyType.SIGNATURE) {
    const envelope = common.SignaturePolicyEnvelope.deserializeBinary(value);
    return renderRule(envelope.getRule(), envelope.getIdentitiesList());
  }
  if (policy?.getType() !== common.Policy.PolicyType.IMPLICIT_META) return "";
  const implicit = common.ImplicitMetaPolicy.deserializeBinary(value);
  return `${implicitRules[implicit.getRule()] ?? "?"} ${implicit.getSubPolicy()}`;
};
