import { createHash } from "node:crypto";
import { common, msp, orderer, peer } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { createTestNetwork } from "../../../test/fabric-test-network.ts";
import type { NetworkDescription } from "./description.ts";
import { toGenesisBlock } from "./genesis.ts";
import { mapEntries } from "./map-entries.ts";

const context = { nonce: new Uint8Array(24).fill(7), at: new Date("2026-11-23T10:00:00.900Z") };
const raft = await createTestNetwork({ consensus: "raft", orderers: 3, organisations: 2 });
const bft = await createTestNetwork({ consensus: "bft", orderers: 4, organisations: 1 });

const open = (description: NetworkDescription) => {
  const block = common.Block.deserializeBinary(toGenesisBlock(description, context).block);
  const [data] = block.getData()?.getDataList_asU8() ?? [];
  const envelope = common.Envelope.deserializeBinary(data ?? new Uint8Array());
  const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
  const header = common.ChannelHeader.deserializeBinary(
    payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array(),
  );
  const config = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig();
  const channel = config?.getChannelGroup();
  if (channel === undefined) throw new Error("no channel group");
  return { block, data: data ?? new Uint8Array(), envelope, header, channel };
};

const readValue = (group: common.ConfigGroup | undefined, key: string): Uint8Array => {
  const value = group?.getValuesMap().get(key);
  if (value === undefined) throw new Error(`no value ${key}`);
  expect(value.getModPolicy()).toBe("Admins");
  return value.getValue_asU8();
};

test("block 0 is a configuration whose hashes fit and whose metadata has five entries", () => {
  const { block, data, envelope, header } = open(raft.description);
  expect(block.getHeader()?.getNumber()).toBe(0);
  expect(Buffer.from(block.getHeader()?.getDataHash_asU8() ?? []).toString("hex")).toBe(
    createHash("sha256").update(data).digest("hex"),
  );
  expect(
    block
      .getMetadata()
      ?.getMetadataList_asU8()
      .map((entry) => entry.length > 0),
  ).toEqual([true, false, false, false, false]);
  expect(envelope.getSignature_asU8()).toHaveLength(0);
  expect(header.getType()).toBe(common.HeaderType.CONFIG);
  expect(header.getVersion()).toBe(1);
  expect(header.getChannelId()).toBe("ch1");
  expect(header.getTimestamp()?.getNanos()).toBe(0);
});

test("the same description makes the same bytes, in whatever order organisations were named", () => {
  const again = { ...raft.description, organisations: [...raft.description.organisations].reverse() };
  const [first, second] = [toGenesisBlock(raft.description, context), toGenesisBlock(again, context)];
  expect(Buffer.from(second.block)).toEqual(Buffer.from(first.block));
  expect(second.hash).toBe(first.hash);
});

test("a Raft channel has the consenters' certificates and a tick of 100 ms", () => {
  const group = open(raft.description).channel.getGroupsMap().get("Orderer");
  const type = orderer.ConsensusType.deserializeBinary(readValue(group, "ConsensusType"));
  expect(type.getType()).toBe("etcdraft");
  const metadata = orderer.etcdraft.ConfigMetadata.deserializeBinary(type.getMetadata_asU8());
  expect(metadata.getConsentersList().map((one) => Buffer.from(one.getServerTlsCert_asU8()).toString())).toEqual(
    raft.orderers.map(({ tls }) => tls.pem),
  );
  expect(metadata.getOptions()?.toObject()).toEqual({
    tickInterval: "100ms",
    electionTick: 10,
    heartbeatTick: 1,
    maxInflightBlocks: 5,
    snapshotIntervalSize: 16_777_216,
  });
  expect(orderer.BatchTimeout.deserializeBinary(readValue(group, "BatchTimeout")).getTimeout()).toBe("200ms");
});

test("a BFT channel maps its consenters, and a block needs three of four signatures by name", () => {
  const group = open(bft.description).channel.getGroupsMap().get("Orderer");
  const type = orderer.ConsensusType.deserializeBinary(readValue(group, "ConsensusType"));
  expect(type.getType()).toBe("BFT");
  const options = orderer.smartbft.Options.deserializeBinary(type.getMetadata_asU8());
  expect(options.getRequestBatchMaxInterval()).toBe("200ms");
  expect(options.getLeaderHeartbeatTimeout()).toBe("5s");
  expect(options.getRequestPoolSize()).toBeGreaterThan(400);
  const mapping = common.Orderers.deserializeBinary(readValue(group, "Orderers")).getConsenterMappingList();
  expect(mapping.map((one) => one.getId())).toEqual([1, 2, 3, 4]);
  const policy = group?.getPoliciesMap().get("BlockValidation")?.getPolicy();
  const envelope = common.SignaturePolicyEnvelope.deserializeBinary(policy?.getValue_asU8() ?? new Uint8Array());
  expect(envelope.getRule()?.getNOutOf()?.getN()).toBe(3);
  const names = envelope
    .getIdentitiesList()
    .map((principal) => msp.SerializedIdentity.deserializeBinary(principal.getPrincipal_asU8()))
    .map((identity) => Buffer.from(identity.getIdBytes_asU8()).toString());
  expect(names).toEqual(bft.orderers.map(({ identity }) => identity.pem));
});

test("organisations have their MSP with node units, anchors and four policies; orderers their endpoints", () => {
  const { channel } = open(raft.description);
  const organisation = channel.getGroupsMap().get("Application")?.getGroupsMap().get("Org2MSP");
  const config = msp.FabricMSPConfig.deserializeBinary(
    msp.MSPConfig.deserializeBinary(readValue(organisation, "MSP")).getConfig_asU8(),
  );
  expect(config.getName()).toBe("Org2MSP");
  expect(config.getFabricNodeOus()?.getEnable()).toBe(true);
  expect(config.getFabricNodeOus()?.getAdminOuIdentifier()?.getOrganizationalUnitIdentifier()).toBe("admin");
  expect(Buffer.from(config.getRootCertsList_asU8()[0] ?? []).toString()).toBe(raft.organisations[1]?.ca.pem);
  const anchors = peer.AnchorPeers.deserializeBinary(readValue(organisation, "AnchorPeers")).getAnchorPeersList();
  expect(anchors.map((anchor) => anchor.getPort())).toEqual([9_052]);
  const policies = organisation === undefined ? [] : mapEntries(organisation.getPoliciesMap());
  expect(policies.map(([name]) => name)).toEqual(["Admins", "Endorsement", "Readers", "Writers"]);
  const ordererOrg = channel.getGroupsMap().get("Orderer")?.getGroupsMap().get("OrdererMSP");
  const endpoints = common.OrdererAddresses.deserializeBinary(readValue(ordererOrg, "Endpoints"));
  expect(endpoints.getAddressesList()).toEqual(raft.description.ordererOrg.endpoints);
});

test("a long batch timeout doesn't make BFT's leader a suspect", () => {
  const description = { ...bft.description, batch: { ...bft.description.batch, timeoutMs: 60_000 } };
  const group = open(description).channel.getGroupsMap().get("Orderer");
  const type = orderer.ConsensusType.deserializeBinary(readValue(group, "ConsensusType"));
  const options = orderer.smartbft.Options.deserializeBinary(type.getMetadata_asU8());
  const [batch, forward, complain, remove] = [
    options.getRequestBatchMaxInterval(),
    options.getRequestForwardTimeout(),
    options.getRequestComplainTimeout(),
    options.getRequestAutoRemoveTimeout(),
  ].map((text) => Number(text.replace("ms", ""))) as [number, number, number, number];
  expect(batch < forward && forward < complain && complain < remove).toBe(true);
});

test.each<[string, Partial<NetworkDescription>]>([
  ["a channel id with capitals", { channelId: "Ch1" }],
  ["a channel id that starts with a digit", { channelId: "1ch" }],
  ["no organisation", { organisations: [] }],
  ["BFT with three orderers", { consensus: "bft" }],
  ["a preferred size over the absolute", { batch: { ...raft.description.batch, preferredMaxBytes: 40_000_000 } }],
  ["an unknown organisation in a policy", { policies: { endorsement: "OR('X.peer')", lifecycle: "ANY Endorsement" } }],
])("refuses %s", (_, change) => {
  expect(() => toGenesisBlock({ ...raft.description, ...change }, context)).toThrow(DomainError);
});
