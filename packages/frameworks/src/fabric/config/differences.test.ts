import { expect, test } from "vitest";
import { createTestNetwork, type TestNetwork, toConsenters } from "../../../test/fabric-test-network.ts";
import type { NetworkDescription } from "./description.ts";
import { differences } from "./differences.ts";
import { toConfigHash, toWantedDigest } from "./digest.ts";
import { toGenesisBlock } from "./genesis.ts";
import { summarise } from "./summary.ts";

const raft = await createTestNetwork({ consensus: "raft", orderers: 4, organisations: 3 });
const bft = await createTestNetwork({ consensus: "bft", orderers: 5, organisations: 1 });
const context = { nonce: new Uint8Array(24), at: new Date("2026-11-23T10:00:00Z") };

const withMembers = (network: TestNetwork, orderers: number[], organisations: number[]): NetworkDescription => {
  const { description } = network;
  const consenters = description.consenters.filter((_, index) => orderers.includes(index));
  return {
    ...description,
    consenters,
    ordererOrg: { ...description.ordererOrg, endpoints: consenters.map(({ host, port }) => `${host}:${port}`) },
    organisations: description.organisations.filter((_, index) => organisations.includes(index)),
  };
};

const current = (description: NetworkDescription) => summarise(toGenesisBlock(description, context).block).digest;
const kinds = (from: NetworkDescription, to: NetworkDescription) =>
  differences(current(from), to).map((change) =>
    "port" in change
      ? `${change.kind} ${change.port}`
      : "mspId" in change
        ? `${change.kind} ${change.mspId}`
        : change.kind,
  );

test.each([
  ["raft", withMembers(raft, [0, 1, 2], [0, 1])],
  ["bft", withMembers(bft, [0, 1, 2, 3], [0])],
])("a %s channel that was made from a description differs in nothing from it", (_, description) => {
  const summary = summarise(toGenesisBlock(description, context).block);
  expect(differences(summary.digest, description)).toEqual([]);
  expect(summary.configHash).toBe(toConfigHash(toWantedDigest(description)));
  expect(summary.channelId).toBe("ch1");
  expect(summary.sequence).toBe(0);
  expect(summary.batch).toEqual(description.batch);
  expect(summary.consenters.map(({ tlsPem }) => tlsPem)).toEqual(description.consenters.map(({ tlsPem }) => tlsPem));
  expect(JSON.parse(JSON.stringify(summary.digest))).toEqual(summary.digest);
});

test("growing comes before shrinking, one consenter at a time, and organisations before what may name them", () => {
  const from = withMembers(raft, [0, 1, 2], [0, 1]);
  const to = {
    ...withMembers(raft, [0, 2, 3], [0, 2]),
    batch: { ...from.batch, timeoutMs: 500 },
    policies: { endorsement: "OR('Org3MSP.peer')", lifecycle: "ALL Endorsement" },
  };
  expect(kinds(from, to)).toEqual([
    "organisation.add Org3MSP",
    "consenter.add 7053",
    "endpoints",
    "batch",
    "policies",
    "organisation.remove Org2MSP",
    "consenter.remove 7051",
  ]);
});

test("who has to sign is who may change it", () => {
  const from = withMembers(raft, [0, 1, 2], [0, 1]);
  const grown = withMembers(raft, [0, 1, 2, 3], [0, 1, 2]);
  const organisations = grown.organisations.map((one, index) =>
    index === 0 ? { ...one, anchors: [{ host: "127.0.0.1", port: 1_234 }] } : one,
  );
  const to = { ...grown, organisations };
  const signers = differences(current(from), to).map(({ kind, signers }) => [kind, signers]);
  expect(signers).toEqual([
    ["organisation.add", ["Org1MSP", "Org2MSP", "Org3MSP"]],
    ["consenter.add", ["OrdererMSP"]],
    ["endpoints", ["OrdererMSP"]],
    ["anchors", ["Org1MSP"]],
  ]);
});

test("a renewed certificate is a refresh of the same consenter, with or without a new key", async () => {
  const from = withMembers(bft, [0, 1, 2, 3], [0]);
  const [orderer0, orderer1] = bft.orderers;
  if (orderer0 === undefined || orderer1 === undefined) throw new Error("no orderers");
  const request = { commonName: "renewed", usage: "tls", issuer: bft.ordererOrg.tlsCa, hosts: ["127.0.0.1"] } as const;
  const tls = { ...request, hosts: [...request.hosts] };
  const orderers = [
    { ...orderer0, tls: await bft.issue({ ...tls, key: orderer0.tls }) },
    { ...orderer1, tls: await bft.issue(tls) },
    ...bft.orderers.slice(2, 4),
  ];
  const to = { ...from, consenters: toConsenters(bft.ordererOrg, orderers, []) };
  expect(differences(current(from), to)).toEqual([
    {
      kind: "consenter.refresh",
      host: "127.0.0.1",
      port: 7_050,
      from: "127.0.0.1:7050",
      isKeyChanged: false,
      signers: ["OrdererMSP"],
    },
    {
      kind: "consenter.refresh",
      host: "127.0.0.1",
      port: 7_051,
      from: "127.0.0.1:7051",
      isKeyChanged: true,
      signers: ["OrdererMSP"],
    },
  ]);
});

test("an orderer that moved is known by its key", () => {
  const from = withMembers(raft, [0, 1, 2], [0]);
  const to = {
    ...from,
    consenters: from.consenters.map((one, index) => (index === 1 ? { ...one, port: 9_999 } : one)),
  };
  expect(differences(current(from), to)).toEqual([
    {
      kind: "consenter.refresh",
      host: "127.0.0.1",
      port: 9_999,
      from: "127.0.0.1:7051",
      isKeyChanged: false,
      signers: ["OrdererMSP"],
    },
  ]);
});

test("the same policy written otherwise is no difference", () => {
  const one = {
    ...withMembers(raft, [0], [0, 1]),
    policies: { endorsement: "OR('Org1MSP.peer','Org2MSP.peer')", lifecycle: "ALL Endorsement" },
  };
  const other = {
    ...one,
    policies: { endorsement: ' OutOf( 1, "Org1MSP.peer" , "Org2MSP.peer")', lifecycle: " ALL  Endorsement" },
  };
  expect(kinds(one, other)).toEqual([]);
});

test("a lone Raft orderer's certificate stays as it is on the channel until there are more", async () => {
  const from = withMembers(raft, [0], [0]);
  const [orderer] = raft.orderers;
  if (orderer === undefined) throw new Error("no orderer");
  const request = { commonName: "x", usage: "tls", issuer: raft.ordererOrg.tlsCa, hosts: ["127.0.0.1"] } as const;
  const tls = await raft.issue({ ...request, hosts: [...request.hosts], key: orderer.tls });
  const renewed = { ...from, consenters: toConsenters(raft.ordererOrg, [{ ...orderer, tls }], []) };
  expect(differences(current(from), renewed)).toEqual([]);
  const more = withMembers(raft, [0, 1], [0]);
  const both = { ...more, consenters: [...renewed.consenters, ...more.consenters.slice(1)] };
  expect(kinds(from, both)).toEqual(["consenter.add 7051", "endpoints"]);
  expect(kinds(more, both)).toEqual(["consenter.refresh 7050"]);
});

test("a digest that comes back from a database with its members in another order is the same digest", () => {
  const reordered = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reordered);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, reordered(member)]),
    );
  };
  const description = withMembers(raft, [0, 1, 2], [0, 1]);
  const seen = reordered(current(description)) as ReturnType<typeof current>;
  expect(JSON.stringify(seen)).not.toBe(JSON.stringify(current(description)));
  expect(differences(seen, description)).toEqual([]);
});
