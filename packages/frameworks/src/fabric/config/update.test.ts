import { common, orderer } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import { createTestNetwork, type TestNetwork } from "../../../test/fabric-test-network.ts";
import { issueCrl } from "../crypto/index.ts";
import { openConfig, valueAt } from "./config-bytes.ts";
import type { NetworkDescription } from "./description.ts";
import { type ConfigChange, differences } from "./differences.ts";
import { toGenesisBlock } from "./genesis.ts";
import { mapEntries } from "./map-entries.ts";
import { summarise } from "./summary.ts";
import { toConfigUpdate } from "./update.ts";

const raft = await createTestNetwork({ consensus: "raft", orderers: 4, organisations: 3 });
const bft = await createTestNetwork({ consensus: "bft", orderers: 5, organisations: 1 });

const withMembers = (network: TestNetwork, orderers: number, organisations: number): NetworkDescription => {
  const consenters = network.description.consenters.slice(0, orderers);
  return {
    ...network.description,
    consenters,
    ordererOrg: {
      ...network.description.ordererOrg,
      endpoints: consenters.map(({ host, port }) => `${host}:${port}`),
    },
    organisations: network.description.organisations.slice(0, organisations),
  };
};

const genesis = (description: NetworkDescription): Uint8Array =>
  toGenesisBlock(description, { nonce: new Uint8Array(24), at: new Date("2026-11-23T10:00:00Z") }).block;

/** Each element of a set by path: `/Orderer/BatchSize 1` for a value at version 1, `+` where it has its content. */
const paths = (group: common.ConfigGroup | undefined, path = ""): string[] => {
  if (group === undefined) return [];
  const own = `${path}/ ${group.getVersion()}${group.getModPolicy() === "" ? "" : "+"}`;
  const inner = [...mapEntries(group.getValuesMap()), ...mapEntries(group.getPoliciesMap())].map(
    ([key, element]) => `${path}/${key} ${element.getVersion()}${element.getModPolicy() === "" ? "" : "+"}`,
  );
  return [own, ...inner, ...mapEntries(group.getGroupsMap()).flatMap(([key, child]) => paths(child, `${path}/${key}`))];
};

/**
 * What an orderer makes of an accepted update: elements of the write set whose version went up replace the old, groups
 * whose version went up have exactly the members that it lists (F:common/configtx/update.go).
 */
const merge = (old: common.ConfigGroup, write: common.ConfigGroup): common.ConfigGroup => {
  const isOwn = write.getVersion() > old.getVersion();
  const merged = isOwn ? new common.ConfigGroup() : (old.cloneMessage() as common.ConfigGroup);
  merged.setVersion(write.getVersion());
  merged.setModPolicy(isOwn ? write.getModPolicy() : old.getModPolicy());
  for (const [key, value] of mapEntries(write.getValuesMap())) {
    const before = old.getValuesMap().get(key);
    merged.getValuesMap().set(key, before?.getVersion() === value.getVersion() ? before : value);
  }
  for (const [key, policy] of mapEntries(write.getPoliciesMap())) {
    const before = old.getPoliciesMap().get(key);
    merged.getPoliciesMap().set(key, before?.getVersion() === policy.getVersion() ? before : policy);
  }
  for (const [key, child] of mapEntries(write.getGroupsMap())) {
    const before = old.getGroupsMap().get(key);
    merged.getGroupsMap().set(key, before === undefined ? child : merge(before, child));
  }
  return merged;
};

const accept = (bytes: Uint8Array, update: common.ConfigUpdate): Uint8Array => {
  const { config } = openConfig(bytes);
  const channel = config.getChannelGroup();
  const write = update.getWriteSet();
  if (channel === undefined || write === undefined) throw new Error("no groups");
  const next = new common.Config();
  next.setSequence(config.getSequence() + 1);
  next.setChannelGroup(merge(channel, write));
  return next.serializeBinary();
};

const toUpdate = (bytes: Uint8Array, change: ConfigChange, description: NetworkDescription): common.ConfigUpdate => {
  const update = toConfigUpdate(bytes, "ch1", change, description);
  if (update === undefined) throw new Error(`no update for ${change.kind}`);
  return common.ConfigUpdate.deserializeBinary(update);
};

test("a changed value is read at the old version of its groups and written at its next", () => {
  const from = withMembers(raft, 1, 1);
  const to = { ...from, batch: { ...from.batch, timeoutMs: 500 } };
  const update = toUpdate(genesis(from), { kind: "batch", signers: [] }, to);
  expect(update.getChannelId()).toBe("ch1");
  expect(paths(update.getReadSet())).toEqual(["/ 0", "/Orderer/ 0"]);
  expect(paths(update.getWriteSet())).toEqual(["/ 0", "/Orderer/ 0", "/Orderer/BatchTimeout 1+"]);
});

test("a new organisation raises its group's version, and every sibling is named in both sets", () => {
  const update = toUpdate(
    genesis(withMembers(raft, 1, 1)),
    { kind: "organisation.add", mspId: "Org2MSP", signers: [] },
    withMembers(raft, 1, 2),
  );
  const policies = ["Admins", "Endorsement", "LifecycleEndorsement", "Readers", "Writers"];
  const siblings = ["Capabilities", ...policies].map((key) => `/Application/${key} 0`);
  expect(paths(update.getReadSet())).toEqual(["/ 0", "/Application/ 0", ...siblings, "/Application/Org1MSP/ 0"]);
  const written = paths(update.getWriteSet());
  expect(written).toEqual(expect.arrayContaining(["/ 0", "/Application/ 1+", ...siblings, "/Application/Org1MSP/ 0"]));
  expect(written).toContain("/Application/Org2MSP/MSP 0+");
  expect(written).toContain("/Application/Org2MSP/Admins 0+");
});

test.each<[string, NetworkDescription, NetworkDescription]>([
  ["raft, more", withMembers(raft, 1, 1), withMembers(raft, 4, 3)],
  ["raft, fewer", withMembers(raft, 4, 3), withMembers(raft, 3, 1)],
  ["bft, more", withMembers(bft, 4, 1), withMembers(bft, 5, 1)],
  [
    "bft, another batch",
    withMembers(bft, 4, 1),
    { ...withMembers(bft, 4, 1), batch: { ...bft.description.batch, timeoutMs: 3_000, maxMessages: 7 } },
  ],
])("one change after the other ends where it should: %s", (_, from, to) => {
  let bytes = genesis(from);
  for (let turn = 0; turn < 20; turn++) {
    const [change] = differences(summarise(bytes).digest, to);
    if (change === undefined) break;
    bytes = accept(bytes, toUpdate(bytes, change, to));
  }
  expect(differences(summarise(bytes).digest, to)).toEqual([]);
  const wanted = openConfig(genesis(to)).config.getChannelGroup();
  const ordering = openConfig(bytes).config.getChannelGroup()?.getGroupsMap().get("Orderer");
  const expected = wanted?.getGroupsMap().get("Orderer");
  if (ordering === undefined || expected === undefined) throw new Error("no orderer group");
  expect(Buffer.from(valueAt(ordering, "ConsensusType"))).toEqual(Buffer.from(valueAt(expected, "ConsensusType")));
  const validation = (group: common.ConfigGroup) =>
    Buffer.from(group.getPoliciesMap().get("BlockValidation")?.getPolicy()?.serializeBinary() ?? []);
  expect(validation(ordering)).toEqual(validation(expected));
});

test("an update that the channel has already is none", () => {
  const description = withMembers(raft, 3, 2);
  for (const kind of ["batch", "policies", "endpoints"] as const)
    expect(toConfigUpdate(genesis(description), "ch1", { kind, signers: [] }, description)).toBeUndefined();
  const add: ConfigChange = { kind: "organisation.add", mspId: "Org2MSP", signers: [] };
  expect(toConfigUpdate(genesis(description), "ch1", add, description)).toBeUndefined();
});

test("a consenter is added to the others, whose entries and options stay as somebody left them", () => {
  const from = withMembers(raft, 2, 1);
  const { config } = openConfig(genesis(from));
  const group = config.getChannelGroup()?.getGroupsMap().get("Orderer");
  if (group === undefined) throw new Error("no orderer group");
  const type = orderer.ConsensusType.deserializeBinary(valueAt(group, "ConsensusType"));
  const metadata = orderer.etcdraft.ConfigMetadata.deserializeBinary(type.getMetadata_asU8());
  metadata.getOptions()?.setTickInterval("700ms");
  type.setMetadata(metadata.serializeBinary());
  group.getValuesMap().get("ConsensusType")?.setValue(type.serializeBinary());
  const change: ConfigChange = { kind: "consenter.add", host: "127.0.0.1", port: 7_052, signers: [] };
  const update = toUpdate(config.serializeBinary(), change, withMembers(raft, 3, 1));
  const written = update.getWriteSet()?.getGroupsMap().get("Orderer")?.getValuesMap().get("ConsensusType");
  const next = orderer.etcdraft.ConfigMetadata.deserializeBinary(
    orderer.ConsensusType.deserializeBinary(written?.getValue_asU8() ?? new Uint8Array()).getMetadata_asU8(),
  );
  expect(next.getConsentersList().map((one) => one.getPort())).toEqual([7_050, 7_051, 7_052]);
  expect(next.getOptions()?.getTickInterval()).toBe("700ms");
});

test("revoked certificates come into the organisation's MSP and can be read back", async () => {
  const from = withMembers(raft, 1, 1);
  const [org1] = raft.organisations;
  const [described] = from.organisations;
  if (org1 === undefined || described === undefined) throw new Error("no organisation");
  const { pem } = await issueCrl({
    issuerPem: org1.ca.pem,
    serials: [org1.admin.serial],
    number: 1,
    thisUpdate: new Date("2026-11-23T10:00:00Z"),
    nextUpdate: new Date("2026-12-23T10:00:00Z"),
    sign: org1.ca.sign,
  });
  const to = { ...from, organisations: [{ ...described, crlPem: pem }] };
  const [change, ...others] = differences(summarise(genesis(from)).digest, to);
  expect(others).toEqual([]);
  expect(change).toEqual({ kind: "organisation.msp", mspId: "Org1MSP", reason: "revocation", signers: ["Org1MSP"] });
  if (change === undefined) throw new Error("no change");
  const after = summarise(accept(genesis(from), toUpdate(genesis(from), change, to)));
  expect(after.organisations[0]?.crlSerials).toEqual([org1.admin.serial]);
  expect(after.sequence).toBe(1);
});

test.each([
  ["nothing", new Uint8Array()],
  ["text", new TextEncoder().encode("not a block")],
  ["a cut block", genesis(withMembers(raft, 1, 1)).slice(0, 500)],
])("refuses %s as a configuration", (_, bytes) => {
  expect(() => summarise(bytes)).toThrow(expect.objectContaining({ code: "step.failed" }));
});

test("a change that fits neither the channel nor the description is stale", () => {
  const description = withMembers(raft, 2, 1);
  const refresh: ConfigChange = {
    kind: "consenter.refresh",
    host: "127.0.0.1",
    port: 7_050,
    from: "127.0.0.1:1",
    isKeyChanged: false,
    signers: [],
  };
  const add: ConfigChange = { kind: "consenter.add", host: "127.0.0.1", port: 1, signers: [] };
  for (const change of [refresh, add])
    expect(() => toConfigUpdate(genesis(description), "ch1", change, description)).toThrow(
      expect.objectContaining({ code: "resource.stale" }),
    );
});
