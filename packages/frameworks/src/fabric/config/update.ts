import { common, orderer } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";
import { computeUpdate } from "./compute-update.ts";
import { groupAt, openConfig, valueAt } from "./config-bytes.ts";
import { toBftConsenter, toBftOptions, toBlockValidation, toConsenterMapping, toRaftConsenter } from "./consensus.ts";
import type { ConsenterDescription, NetworkDescription } from "./description.ts";
import type { ConfigChange } from "./differences.ts";
import {
  keys,
  setPolicy,
  setValue,
  toAnchorPeers,
  toApplicationOrgGroup,
  toBatchSize,
  toBatchTimeout,
  toConsensusType,
  toEndpoints,
  toTenantPolicies,
} from "./groups.ts";
import { toMspConfig } from "./msp.ts";

type Change<Kind extends ConfigChange["kind"]> = Extract<ConfigChange, { kind: Kind }>;

const unknown = (what: string): DomainError =>
  new DomainError({
    code: "resource.stale",
    message: "The channel's configuration is no longer what this change was made for.",
    detail: what,
    retryable: true,
  });

const addressOf = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

const findOrganisation = (description: NetworkDescription, mspId: string) => {
  const found = description.organisations.find((organisation) => organisation.mspId === mspId);
  if (found === undefined) throw unknown(`no organisation ${mspId} in the description`);
  return found;
};

const changeMsp = (channel: common.ConfigGroup, mspId: string, description: NetworkDescription): void => {
  const [place, organisation] =
    mspId === description.ordererOrg.mspId
      ? [keys.orderer, description.ordererOrg]
      : [keys.application, findOrganisation(description, mspId)];
  setValue(groupAt(channel, place, mspId), keys.msp, toMspConfig(organisation));
};

const changeAnchors = (channel: common.ConfigGroup, mspId: string, description: NetworkDescription): void => {
  const group = groupAt(channel, keys.application, mspId);
  const { anchors } = findOrganisation(description, mspId);
  if (anchors.length === 0) group.getValuesMap().del(keys.anchors);
  else setValue(group, keys.anchors, toAnchorPeers(anchors));
};

interface Addressed {
  getHost(): string;
  getPort(): number;
}

/** The list with one consenter added, replaced or taken out; the others are as they were. */
const changeList = <Consenter extends Addressed>(
  list: readonly Consenter[],
  change: Change<"consenter.add" | "consenter.refresh" | "consenter.remove">,
  wanted: () => Consenter,
): Consenter[] => {
  const address = change.kind === "consenter.refresh" ? change.from : addressOf(change);
  const index = list.findIndex((one) => `${one.getHost()}:${one.getPort()}` === address);
  if (change.kind === "consenter.add") return index < 0 ? [...list, wanted()] : [...list];
  if (change.kind === "consenter.remove") return list.filter((_, each) => each !== index);
  if (index < 0) throw unknown(`no consenter at ${address}`);
  return list.map((one, each) => (each === index ? wanted() : one));
};

const changeConsenters = (
  channel: common.ConfigGroup,
  change: Change<"consenter.add" | "consenter.refresh" | "consenter.remove">,
  description: NetworkDescription,
): void => {
  const group = groupAt(channel, keys.orderer);
  const wanted = (): ConsenterDescription => {
    const found = description.consenters.find((one) => addressOf(one) === addressOf(change));
    if (found === undefined) throw unknown(`no consenter ${addressOf(change)} in the description`);
    return found;
  };
  const type = orderer.ConsensusType.deserializeBinary(valueAt(group, keys.consensus));
  if (type.getType() === "BFT") {
    const mapping = common.Orderers.deserializeBinary(valueAt(group, keys.consenters)).getConsenterMappingList();
    const next = changeList(mapping, change, () => toBftConsenter(wanted()));
    setValue(group, keys.consenters, toConsenterMapping(next));
    setPolicy(group, keys.blockValidation, toBlockValidation(next));
    return;
  }
  const metadata = orderer.etcdraft.ConfigMetadata.deserializeBinary(type.getMetadata_asU8());
  metadata.setConsentersList(changeList(metadata.getConsentersList(), change, () => toRaftConsenter(wanted())));
  type.setMetadata(metadata.serializeBinary());
  setValue(group, keys.consensus, type.serializeBinary());
};

const changeBatch = (channel: common.ConfigGroup, description: NetworkDescription): void => {
  const group = groupAt(channel, keys.orderer);
  setValue(group, keys.batchSize, toBatchSize(description.batch));
  setValue(group, keys.batchTimeout, toBatchTimeout(description.batch));
  const type = orderer.ConsensusType.deserializeBinary(valueAt(group, keys.consensus));
  if (type.getType() === "BFT")
    setValue(group, keys.consensus, toConsensusType("bft", toBftOptions(description.batch)));
};

const apply = (channel: common.ConfigGroup, change: ConfigChange, description: NetworkDescription): void => {
  switch (change.kind) {
    case "organisation.add": {
      const groups = groupAt(channel, keys.application).getGroupsMap();
      if (!groups.has(change.mspId))
        groups.set(change.mspId, toApplicationOrgGroup(findOrganisation(description, change.mspId)));
      return;
    }
    case "organisation.remove":
      groupAt(channel, keys.application).getGroupsMap().del(change.mspId);
      return;
    case "organisation.msp":
      changeMsp(channel, change.mspId, description);
      return;
    case "anchors":
      changeAnchors(channel, change.mspId, description);
      return;
    case "consenter.add":
    case "consenter.refresh":
    case "consenter.remove":
      changeConsenters(channel, change, description);
      return;
    case "endpoints": {
      const { mspId, endpoints } = description.ordererOrg;
      setValue(groupAt(channel, keys.orderer, mspId), keys.endpoints, toEndpoints(endpoints));
      return;
    }
    case "batch":
      changeBatch(channel, description);
      return;
    case "policies":
      for (const [key, policy] of Object.entries(toTenantPolicies(description)))
        setPolicy(groupAt(channel, keys.application), key, policy);
  }
};

/**
 * The bytes of a `ConfigUpdate` that makes one change to the channel as it is (a configuration block or a bare
 * `common.Config`); undefined where the channel says so already. Throws `resource.stale` where the change doesn't fit
 * the channel or the description any more.
 */
export const toConfigUpdate = (
  currentConfig: Uint8Array,
  channelId: string,
  change: ConfigChange,
  description: NetworkDescription,
): Uint8Array | undefined => {
  const original = openConfig(currentConfig).config.getChannelGroup() ?? new common.ConfigGroup();
  const updated = original.cloneMessage() as common.ConfigGroup;
  apply(updated, change, description);
  return computeUpdate(channelId, original, updated)?.serializeBinary();
};
