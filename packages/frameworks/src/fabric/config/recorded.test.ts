import { readFileSync } from "node:fs";
import { common } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import { openConfig } from "./config-bytes.ts";
import type { NetworkDescription } from "./description.ts";
import { differences } from "./differences.ts";
import { mapEntries } from "./map-entries.ts";
import { type ConfigSummary, summarise } from "./summary.ts";
import { toConfigUpdate } from "./update.ts";

/** Configuration blocks as orderers of Fabric 3.1.5 wrote them, of a network that was made for it. */
const recorded = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../test/fixtures/fabric-config-${name}.block`, import.meta.url)));

const raft = recorded("raft");
const bft = recorded("bft");

/** What would describe the channel as it is. */
const describe = (summary: ConfigSummary): NetworkDescription => ({
  ...summary,
  channelId: summary.channelId ?? "",
  consensus: summary.consensus === "bft" ? "bft" : "raft",
  consenters: summary.consenters.map((consenter) => ({
    ...consenter,
    id: consenter.id ?? 0,
    mspId: consenter.mspId ?? summary.ordererOrg.mspId,
    identityPem: consenter.identityPem ?? "",
  })),
});

test("a Raft block of a real orderer is read as it was updated", () => {
  const summary = summarise(raft);
  expect(summary).toMatchObject({
    channelId: "ch1",
    sequence: 6,
    consensus: "raft",
    state: "normal",
    batch: { timeoutMs: 350, maxMessages: 10, absoluteMaxBytes: 10_485_760, preferredMaxBytes: 2_097_152 },
    policies: { endorsement: "AND('Org1MSP.peer', 'Org2MSP.peer')", lifecycle: "ALL Endorsement" },
  });
  expect(summary.organisations.map(({ mspId, crlSerials }) => [mspId, crlSerials])).toEqual([
    ["Org1MSP", ["41".repeat(16)]],
    ["Org2MSP", []],
  ]);
  expect(summary.organisations[0]?.anchors).toEqual([{ host: "127.0.0.1", port: 2 }]);
  expect(summary.endpoints).toHaveLength(2);
  expect(summary.consenters.map(({ host, id }) => [host, id])).toEqual([["127.0.0.1", null]]);
  expect(summary.consenters[0]?.tlsPem).toContain("BEGIN CERTIFICATE");
});

test("a BFT block of real orderers has the consenters that are left, each with its number", () => {
  const summary = summarise(bft);
  expect(summary.consensus).toBe("bft");
  expect(summary.consenters.map(({ id, mspId }) => [id, mspId])).toEqual([2, 3, 4, 5].map((id) => [id, "OrdererMSP"]));
  expect(summary.batch.timeoutMs).toBe(300);
});

test.each([
  ["raft", raft],
  ["bft", bft],
])("reading and writing a configuration (%s) loses nothing that the orderer wrote", (_, bytes) => {
  const [data] = common.Block.deserializeBinary(bytes).getData()?.getDataList_asU8() ?? [];
  const envelope = common.Envelope.deserializeBinary(data ?? new Uint8Array());
  const original = common.Payload.deserializeBinary(envelope.getPayload_asU8()).getData_asU8();
  const read = common.ConfigEnvelope.deserializeBinary(original);
  // Go writes maps in no order, so the bytes may stand otherwise, but none may be missing.
  expect([...read.serializeBinary()].sort()).toEqual([...original].sort());
  const bare = openConfig(bytes).config.serializeBinary();
  expect(summarise(bare).digest).toEqual(summarise(bytes).digest);
});

test.each([
  ["raft", raft],
  ["bft", bft],
])("what a channel (%s) says describes it: nothing differs, and no update is made", (_, bytes) => {
  const summary = summarise(bytes);
  const description = describe(summary);
  expect(differences(summary.digest, description)).toEqual([]);
  for (const kind of ["batch", "policies", "endpoints"] as const)
    expect(toConfigUpdate(bytes, "ch1", { kind, signers: [] }, description)).toBeUndefined();
  for (const { mspId } of [summary.ordererOrg, ...summary.organisations])
    expect(
      toConfigUpdate(
        bytes,
        "ch1",
        { kind: "organisation.msp", mspId, reason: "certificates", signers: [] },
        description,
      ),
    ).toBeUndefined();
  for (const { host, port } of summary.consenters) {
    const change = { kind: "consenter.refresh", host, port, from: `${host}:${port}`, isKeyChanged: false } as const;
    expect(toConfigUpdate(bytes, "ch1", { ...change, signers: [] }, description)).toBeUndefined();
  }
});

test("an update starts from the versions that the channel has reached", () => {
  const description = describe(summarise(raft));
  const wanted = { ...description, batch: { ...description.batch, timeoutMs: 999 } };
  const update = toConfigUpdate(raft, "ch1", { kind: "batch", signers: [] }, wanted);
  const write = common.ConfigUpdate.deserializeBinary(update ?? new Uint8Array()).getWriteSet();
  const values = write?.getGroupsMap().get("Orderer")?.getValuesMap();
  const versions = values === undefined ? [] : mapEntries(values).map(([key, value]) => [key, value.getVersion()]);
  expect(versions).toEqual([["BatchTimeout", 2]]);
});

test("the description of a differing network says what to update, in order", () => {
  const description = describe(summarise(bft));
  const [first, ...others] = description.consenters;
  if (first === undefined) throw new Error("no consenter");
  const wanted = { ...description, consenters: others, batch: { ...description.batch, maxMessages: 3 } };
  expect(differences(summarise(bft).digest, wanted).map(({ kind }) => kind)).toEqual(["batch", "consenter.remove"]);
});
