import { common, orderer, peer } from "@hyperledger/fabric-protos";
import { toBftConsenter, toBftOptions, toBlockValidation, toConsenterMapping, toRaftMetadata } from "./consensus.ts";
import type { ApplicationOrgDescription, BatchDescription, Endpoint, NetworkDescription } from "./description.ts";
import { toMspConfig } from "./msp.ts";
import { toImplicitPolicy, toPolicyOf, toRolePolicy } from "./policy.ts";

/** Keys of groups, values and policies of a channel's configuration (F:common/channelconfig). */
export const keys = {
  orderer: "Orderer",
  application: "Application",
  msp: "MSP",
  endpoints: "Endpoints",
  anchors: "AnchorPeers",
  batchSize: "BatchSize",
  batchTimeout: "BatchTimeout",
  consensus: "ConsensusType",
  consenters: "Orderers",
  blockValidation: "BlockValidation",
  endorsement: "Endorsement",
  lifecycle: "LifecycleEndorsement",
} as const;

/** Who may change what: the admins of the group that it is in. */
const modPolicy = "Admins";

export const toGroup = (
  values: { readonly [key: string]: Uint8Array },
  policies: { readonly [key: string]: common.Policy },
  groups: { readonly [key: string]: common.ConfigGroup } = {},
): common.ConfigGroup => {
  const group = new common.ConfigGroup();
  group.setModPolicy(modPolicy);
  for (const [key, value] of Object.entries(values)) setValue(group, key, value);
  for (const [key, policy] of Object.entries(policies)) setPolicy(group, key, policy);
  for (const [key, child] of Object.entries(groups)) group.getGroupsMap().set(key, child);
  return group;
};

/** Sets a value and leaves version and modification policy of one that is there as they are. */
export const setValue = (group: common.ConfigGroup, key: string, bytes: Uint8Array): void => {
  const value = group.getValuesMap().get(key) ?? new common.ConfigValue();
  if (value.getModPolicy() === "") value.setModPolicy(modPolicy);
  value.setValue(bytes);
  group.getValuesMap().set(key, value);
};

/** As `setValue`. */
export const setPolicy = (group: common.ConfigGroup, key: string, content: common.Policy): void => {
  const policy = group.getPoliciesMap().get(key) ?? new common.ConfigPolicy();
  if (policy.getModPolicy() === "") policy.setModPolicy(modPolicy);
  policy.setPolicy(content);
  group.getPoliciesMap().set(key, policy);
};

const toCapabilities = (name: string): Uint8Array => {
  const capabilities = new common.Capabilities();
  capabilities.getCapabilitiesMap().set(name, new common.Capability());
  return capabilities.serializeBinary();
};

const toHashing = (): Uint8Array => {
  const hashing = new common.HashingAlgorithm();
  hashing.setName("SHA256");
  return hashing.serializeBinary();
};

const toHashingStructure = (): Uint8Array => {
  const structure = new common.BlockDataHashingStructure();
  structure.setWidth(4_294_967_295);
  return structure.serializeBinary();
};

export const toBatchSize = (batch: BatchDescription): Uint8Array => {
  const size = new orderer.BatchSize();
  size.setMaxMessageCount(batch.maxMessages);
  size.setAbsoluteMaxBytes(batch.absoluteMaxBytes);
  size.setPreferredMaxBytes(batch.preferredMaxBytes);
  return size.serializeBinary();
};

export const toBatchTimeout = (batch: BatchDescription): Uint8Array => {
  const timeout = new orderer.BatchTimeout();
  timeout.setTimeout(`${batch.timeoutMs}ms`);
  return timeout.serializeBinary();
};

export const toConsensusType = (consensus: "raft" | "bft", metadata: Uint8Array): Uint8Array => {
  const type = new orderer.ConsensusType();
  type.setType(consensus === "bft" ? "BFT" : "etcdraft");
  type.setMetadata(metadata);
  type.setState(orderer.ConsensusType.State.STATE_NORMAL);
  return type.serializeBinary();
};

export const toEndpoints = (addresses: readonly string[]): Uint8Array => {
  const endpoints = new common.OrdererAddresses();
  endpoints.setAddressesList([...addresses]);
  return endpoints.serializeBinary();
};

export const toAnchorPeers = (anchors: readonly Endpoint[]): Uint8Array => {
  const list = anchors.map(({ host, port }) => {
    const anchor = new peer.AnchorPeer();
    anchor.setHost(host);
    anchor.setPort(port);
    return anchor;
  });
  const message = new peer.AnchorPeers();
  message.setAnchorPeersList(list);
  return message.serializeBinary();
};

const implicitPolicies = () => ({
  Readers: toImplicitPolicy("ANY", "Readers"),
  Writers: toImplicitPolicy("ANY", "Writers"),
  Admins: toImplicitPolicy("MAJORITY", "Admins"),
});

/** An organisation with peers. */
export const toApplicationOrgGroup = (organisation: ApplicationOrgDescription): common.ConfigGroup => {
  const { mspId, anchors } = organisation;
  return toGroup(
    {
      [keys.msp]: toMspConfig(organisation),
      ...(anchors.length === 0 ? {} : { [keys.anchors]: toAnchorPeers(anchors) }),
    },
    {
      Readers: toRolePolicy(mspId, ["admin", "peer", "client"]),
      Writers: toRolePolicy(mspId, ["admin", "client"]),
      Admins: toRolePolicy(mspId, ["admin"]),
      Endorsement: toRolePolicy(mspId, ["peer"]),
    },
  );
};

const toOrdererOrgGroup = (organisation: NetworkDescription["ordererOrg"]): common.ConfigGroup => {
  const { mspId } = organisation;
  return toGroup(
    { [keys.msp]: toMspConfig(organisation), [keys.endpoints]: toEndpoints(organisation.endpoints) },
    {
      Readers: toRolePolicy(mspId, ["member"]),
      Writers: toRolePolicy(mspId, ["member"]),
      Admins: toRolePolicy(mspId, ["admin"]),
    },
  );
};

const toConsensus = (description: NetworkDescription) => {
  if (description.consensus === "raft")
    return {
      values: { [keys.consensus]: toConsensusType("raft", toRaftMetadata(description.consenters)) },
      blockValidation: toImplicitPolicy("ANY", "Writers"),
    };
  const mapping = description.consenters.map(toBftConsenter);
  return {
    values: {
      [keys.consensus]: toConsensusType("bft", toBftOptions(description.batch)),
      [keys.consenters]: toConsenterMapping(mapping),
    },
    blockValidation: toBlockValidation(mapping),
  };
};

const toOrdererGroup = (description: NetworkDescription): common.ConfigGroup => {
  const consensus = toConsensus(description);
  return toGroup(
    {
      [keys.batchSize]: toBatchSize(description.batch),
      [keys.batchTimeout]: toBatchTimeout(description.batch),
      ChannelRestrictions: new orderer.ChannelRestrictions().serializeBinary(),
      Capabilities: toCapabilities("V2_0"),
      ...consensus.values,
    },
    { ...implicitPolicies(), [keys.blockValidation]: consensus.blockValidation },
    { [description.ordererOrg.mspId]: toOrdererOrgGroup(description.ordererOrg) },
  );
};

/** The policies that the tenant writes; throws `chain.settings_invalid` where one can't be. */
export const toTenantPolicies = (description: Pick<NetworkDescription, "policies" | "organisations">) => ({
  [keys.endorsement]: toPolicyOf(description.policies.endorsement, description.organisations),
  [keys.lifecycle]: toPolicyOf(description.policies.lifecycle, description.organisations),
});

const toApplicationGroup = (description: NetworkDescription): common.ConfigGroup =>
  toGroup(
    { Capabilities: toCapabilities("V2_5") },
    { ...implicitPolicies(), ...toTenantPolicies(description) },
    Object.fromEntries(
      description.organisations.map((organisation) => [organisation.mspId, toApplicationOrgGroup(organisation)]),
    ),
  );

/** The whole configuration of a channel, as in its block 0 (F:internal/configtxgen/encoder/encoder.go). */
export const toChannelGroup = (description: NetworkDescription): common.ConfigGroup =>
  toGroup(
    {
      HashingAlgorithm: toHashing(),
      BlockDataHashingStructure: toHashingStructure(),
      Capabilities: toCapabilities("V3_0"),
    },
    implicitPolicies(),
    { [keys.orderer]: toOrdererGroup(description), [keys.application]: toApplicationGroup(description) },
  );
