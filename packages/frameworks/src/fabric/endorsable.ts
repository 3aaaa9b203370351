import type { ChainSpec } from "@portolan/domain";
import { isMeetable } from "./config/policy-check.ts";
import { readPolicyText } from "./config/policy-text.ts";
import { type ChaincodeSettings, channelsOf } from "./parts.ts";
import { mspIdOf, readSettings } from "./settings.ts";

/** How many of the channel's organisations an implicit policy asks for (F:common/policies/implicitmeta.go). */
const askedFor = (rule: "ANY" | "ALL" | "MAJORITY", size: number): number => {
  if (rule === "ALL") return size;
  return rule === "ANY" ? 1 : Math.floor(size / 2) + 1;
};

/** The policy that a chaincode has of itself, or the one of its channel that it refers to. */
const policyTextOf = (spec: ChainSpec, settings: ChaincodeSettings): string => {
  const own = settings.endorsementPolicy;
  if (own !== undefined && readPolicyText(own).kind !== "reference") return own;
  const policies = channelsOf(spec).find(({ name }) => name === settings.channel)?.settings.policies;
  const isLifecycle = own?.endsWith("/LifecycleEndorsement") === true;
  return (isLifecycle ? policies?.lifecycle : policies?.endorsement) ?? "MAJORITY Endorsement";
};

/**
 * Whether the organisations whose peers have a chaincode can meet its policy by themselves. Where they can't, it is
 * there to be read, and no peer will ever know who endorses it. Pure.
 */
export const isEndorsable = (
  spec: ChainSpec,
  settings: ChaincodeSettings,
  { organisations, hosts }: { organisations: readonly string[]; hosts: readonly string[] },
): boolean => {
  const policy = readPolicyText(policyTextOf(spec, settings));
  if (policy.kind === "implicit") return hosts.length >= askedFor(policy.rule, organisations.length);
  if (policy.kind === "reference") return false;
  const members = readSettings(spec.settings)
    .organisations.filter(({ name }) => hosts.includes(name))
    .map((item) => ({ mspId: mspIdOf(item), peers: item.peers }));
  return isMeetable(policy.rule, members);
};
