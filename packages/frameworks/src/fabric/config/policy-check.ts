import { type PolicyNode, policyError } from "./policy-text.ts";

/** An organisation whose peers may endorse; `peers` how many, when that is known. */
export interface PolicyOrganisation {
  mspId: string;
  peers?: number;
}

const principalsOf = (node: PolicyNode): Extract<PolicyNode, { kind: "principal" }>[] =>
  node.kind === "principal" ? [node] : node.rules.flatMap(principalsOf);

/**
 * Fabric's own evaluation with one signature of each peer: a signature counts once, and rules take them in order
 * (F:common/cauthdsl/cauthdsl.go). `left` is how many are unused by organisation; a rule that fails gives back its own.
 */
const isMet = (node: PolicyNode, left: Map<string, number>): boolean => {
  if (node.kind === "principal") {
    const unused = left.get(node.mspId) ?? 0;
    if (unused > 0) left.set(node.mspId, unused - 1);
    return unused > 0;
  }
  let met = 0;
  for (const rule of node.rules) {
    const before = new Map(left);
    if (isMet(rule, left)) met++;
    else for (const [mspId, unused] of before) left.set(mspId, unused);
  }
  return met >= node.count;
};

/** Whether one signature of each peer of these organisations is enough for a rule. Pure. */
export const isMeetable = (rule: PolicyNode, organisations: readonly PolicyOrganisation[]): boolean =>
  isMet(rule, new Map(organisations.map(({ mspId, peers }) => [mspId, peers ?? principalsOf(rule).length])));

/**
 * Refuses an endorsement policy that names organisations which are not there, asks signatures of who doesn't endorse,
 * or can't be met by all peers together. Throws `chain.settings_invalid`.
 */
export const checkEndorsementRule = (rule: PolicyNode, organisations: readonly PolicyOrganisation[]): void => {
  const known = organisations.map(({ mspId }) => mspId);
  const principals = principalsOf(rule);
  for (const { mspId, role, at } of principals) {
    if (!known.includes(mspId))
      throw policyError(at, `there is no organisation "${mspId}" on this channel`, `It has ${known.join(", ")}.`);
    if (role !== "peer" && role !== "member")
      throw policyError(at, `only peers endorse, so nobody can sign as "${mspId}.${role}"`, `Write '${mspId}.peer'.`);
  }
  if (!isMeetable(rule, organisations))
    throw policyError(
      rule.at,
      "all peers of the channel together can't meet it",
      "It asks for more signatures of an organisation than that has peers: each peer counts once.",
    );
};
