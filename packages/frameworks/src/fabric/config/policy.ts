import { common, msp, peer } from "@hyperledger/fabric-protos";
import { checkEndorsementRule, type PolicyOrganisation } from "./policy-check.ts";
import { type PolicyNode, type PolicyRole, policyError, readPolicyText } from "./policy-text.ts";

export type ImplicitRule = "ANY" | "ALL" | "MAJORITY";

/** Policies of an organisation that its peers meet; `Writers` and `Admins` are for clients and admins. */
const endorsable = ["Endorsement", "Readers"];

const roleNumbers: { readonly [role in PolicyRole]: 0 | 1 | 2 | 3 | 4 } = {
  member: msp.MSPRole.MSPRoleType.MEMBER,
  admin: msp.MSPRole.MSPRoleType.ADMIN,
  client: msp.MSPRole.MSPRoleType.CLIENT,
  peer: msp.MSPRole.MSPRoleType.PEER,
  orderer: msp.MSPRole.MSPRoleType.ORDERER,
};

/** `count` of the rules. */
export const toOutOf = (count: number, rules: readonly common.SignaturePolicy[]): common.SignaturePolicy => {
  const outOf = new common.SignaturePolicy.NOutOf();
  outOf.setN(count);
  outOf.setRulesList([...rules]);
  const rule = new common.SignaturePolicy();
  rule.setNOutOf(outOf);
  return rule;
};

const toSignatureEnvelope = (
  rule: common.SignaturePolicy,
  principals: readonly msp.MSPPrincipal[],
): common.SignaturePolicyEnvelope => {
  const envelope = new common.SignaturePolicyEnvelope();
  envelope.setVersion(0);
  envelope.setRule(rule);
  envelope.setIdentitiesList([...principals]);
  return envelope;
};

const toPolicy = (type: 1 | 3, value: Uint8Array): common.Policy => {
  const policy = new common.Policy();
  policy.setType(type);
  policy.setValue(value);
  return policy;
};

/** A policy of signatures by exactly these principals. */
export const toSignaturePolicy = (
  rule: common.SignaturePolicy,
  principals: readonly msp.MSPPrincipal[],
): common.Policy =>
  toPolicy(common.Policy.PolicyType.SIGNATURE, toSignatureEnvelope(rule, principals).serializeBinary());

/** ANY, ALL or MAJORITY of the policies of that name one level below. */
export const toImplicitPolicy = (rule: ImplicitRule, policy: string): common.Policy => {
  const message = new common.ImplicitMetaPolicy();
  message.setRule(common.ImplicitMetaPolicy.Rule[rule]);
  message.setSubPolicy(policy);
  return toPolicy(common.Policy.PolicyType.IMPLICIT_META, message.serializeBinary());
};

const toRolePrincipal = (mspId: string, role: PolicyRole): msp.MSPPrincipal => {
  const message = new msp.MSPRole();
  message.setMspIdentifier(mspId);
  message.setRole(roleNumbers[role]);
  const principal = new msp.MSPPrincipal();
  principal.setPrincipalClassification(msp.MSPPrincipal.Classification.ROLE);
  principal.setPrincipal(message.serializeBinary());
  return principal;
};

/** The rule over a list of principals that it fills: each role once, in the order of the text. */
const toRule = (node: PolicyNode, principals: Map<string, msp.MSPPrincipal>): common.SignaturePolicy => {
  if (node.kind === "outOf")
    return toOutOf(
      node.count,
      node.rules.map((rule) => toRule(rule, principals)),
    );
  const key = `${node.mspId}.${node.role}`;
  if (!principals.has(key)) principals.set(key, toRolePrincipal(node.mspId, node.role));
  const rule = new common.SignaturePolicy();
  rule.setSignedBy([...principals.keys()].indexOf(key));
  return rule;
};

const toEnvelopeOf = (node: PolicyNode): common.SignaturePolicyEnvelope => {
  const principals = new Map<string, msp.MSPPrincipal>();
  const rule = toRule(node, principals);
  return toSignatureEnvelope(rule, [...principals.values()]);
};

/** One signature by any of the roles of one organisation. */
export const toRolePolicy = (mspId: string, roles: readonly PolicyRole[]): common.Policy => {
  const rules = roles.map((role): PolicyNode => ({ kind: "principal", mspId, role, at: 1 }));
  const envelope = toEnvelopeOf({ kind: "outOf", count: 1, rules, at: 1 });
  return toPolicy(common.Policy.PolicyType.SIGNATURE, envelope.serializeBinary());
};

/**
 * A text of the policy language as a channel's policy of who endorses. Throws `chain.settings_invalid` with the place
 * where it can't be read, names organisations that are not on the channel, or can't be met.
 */
export const toPolicyOf = (text: string, organisations: readonly PolicyOrganisation[]): common.Policy => {
  const read = readPolicyText(text);
  if (read.kind === "reference")
    throw policyError(1, "a channel's own policy can't refer to another", "Write it out, or `MAJORITY Endorsement`.");
  if (read.kind === "implicit") {
    if (!endorsable.includes(read.policy))
      throw policyError(
        text.indexOf(read.policy) + 1,
        `peers don't meet "${read.policy}"`,
        `Who endorses is told by ${endorsable.join(" or ")}.`,
      );
    return toImplicitPolicy(read.rule, read.policy);
  }
  checkEndorsementRule(read.rule, organisations);
  return toPolicy(common.Policy.PolicyType.SIGNATURE, toEnvelopeOf(read.rule).serializeBinary());
};

/** As `toPolicyOf`: the bytes of a `ConfigPolicy` that the channel's admins may change. */
export const parsePolicy = (text: string, organisations: readonly PolicyOrganisation[]): Uint8Array => {
  const policy = new common.ConfigPolicy();
  policy.setPolicy(toPolicyOf(text, organisations));
  policy.setModPolicy("Admins");
  return policy.serializeBinary();
};

/**
 * The bytes of an `ApplicationPolicy`, as a chaincode's definition carries it: signatures, or a policy of the channel
 * (`/Channel/Application/Endorsement`, which is what no policy at all means). With `organisations` it is checked as
 * `parsePolicy` does. Throws `chain.settings_invalid`.
 */
export const toApplicationPolicy = (text: string, organisations?: readonly PolicyOrganisation[]): Uint8Array => {
  const read = readPolicyText(text);
  const policy = new peer.ApplicationPolicy();
  if (read.kind === "reference") policy.setChannelConfigPolicyReference(toReference(read.path));
  else if (read.kind === "implicit")
    throw policyError(
      1,
      `a chaincode can't have "${read.rule} ${read.policy}" of its own`,
      "Leave the policy out to have the channel's, or write roles, e.g. `OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer')`.",
    );
  else {
    if (organisations !== undefined) checkEndorsementRule(read.rule, organisations);
    policy.setSignaturePolicy(toEnvelopeOf(read.rule));
  }
  return policy.serializeBinary();
};

/** Only the two that peers can meet exist on every channel of ours. */
const toReference = (path: string): string => {
  const known = ["Endorsement", "LifecycleEndorsement"].map((name) => `/Channel/Application/${name}`);
  if (known.includes(path)) return path;
  throw policyError(1, `the channel has no such policy of endorsement`, `It has ${known.join(" and ")}.`);
};
