import { join } from "node:path";
import { freePort, requireProgramSet, temporaryDirectory } from "@portolan/testing";
import { expect, onTestFinished, test } from "vitest";
import {
  differences,
  type NetworkDescription,
  summarise,
  toConfigSignature,
  toConfigUpdate,
  toConfigUpdateEnvelope,
} from "../src/fabric/config/index.ts";
import { issueCrl } from "../src/fabric/crypto/index.ts";
import { change, genesisOf, reach, until } from "./fabric-reach.ts";
import { createTestNetwork, type TestNetwork, type TestOrderer, toConsenters } from "./fabric-test-network.ts";
import { type OrdererPorts, type RealOrderer, startRealOrderer } from "./real-orderer.ts";

const programs = requireProgramSet("fabric");
const program = programs?.paths["orderer"] ?? "";

const freePorts = async (): Promise<OrdererPorts> => ({
  grpc: await freePort(),
  admin: await freePort(),
  operations: await freePort(),
});

const start = async (network: TestNetwork, ports: readonly OrdererPorts[]): Promise<RealOrderer[]> => {
  const directory = temporaryDirectory("orderers");
  return Promise.all(
    ports.map(async (each, index) => {
      const orderer = await startRealOrderer({
        program,
        network,
        index,
        directory: join(directory, `orderer-${index}`),
        ports: each,
      });
      onTestFinished(orderer.stop);
      return orderer;
    }),
  );
};

test.skipIf(programs === undefined)(
  "a real orderer joins a Raft channel and takes every kind of update until it is as described",
  async () => {
    const ports = [await freePorts()];
    const network = await createTestNetwork({
      consensus: "raft",
      orderers: 1,
      organisations: 3,
      ports: ports.map(({ grpc }) => grpc),
    });
    const [orderer] = await start(network, ports);
    if (orderer === undefined) throw new Error("no orderer");
    const { description } = network;
    const [org1, ...others] = description.organisations;
    const [admin1] = network.organisations;
    const [consenter] = description.consenters;
    if (org1 === undefined || admin1 === undefined || consenter === undefined) throw new Error("no members");
    network.description = { ...description, organisations: [org1] };
    expect(await orderer.join(genesisOf(network))).toMatchObject({ status: 201 });
    expect(await orderer.info("ch1")).toMatchObject({ status: "active", consensusRelation: "consenter", height: 1 });
    expect(differences(summarise(await orderer.configBlock("ch1")).digest, network.description)).toEqual([]);

    const { pem: crlPem } = await issueCrl({
      issuerPem: admin1.ca.pem,
      serials: ["41".repeat(16)],
      number: 1,
      thisUpdate: new Date(),
      nextUpdate: new Date(Date.now() + 86_400_000),
      sign: admin1.ca.sign,
    });
    const tls = await network.issue({
      commonName: "orderer-0",
      usage: "tls",
      issuer: network.ordererOrg.tlsCa,
      hosts: ["127.0.0.1"],
      ...(network.orderers[0] === undefined ? {} : { key: network.orderers[0].tls }),
    });
    const wanted: NetworkDescription = {
      ...description,
      consenters: [{ ...consenter, tlsPem: tls.pem }],
      ordererOrg: { ...description.ordererOrg, endpoints: [...description.ordererOrg.endpoints, "127.0.0.1:1"] },
      organisations: [{ ...org1, crlPem, anchors: [{ host: "127.0.0.1", port: 2 }] }, ...others],
      batch: { ...description.batch, timeoutMs: 350, maxMessages: 10 },
      policies: { endorsement: "AND('Org1MSP.peer', 'Org2MSP.peer')", lifecycle: "ALL Endorsement" },
    };
    expect(await reach(network, orderer, wanted)).toEqual([
      "organisation.add",
      "organisation.add",
      "organisation.msp",
      "endpoints",
      "anchors",
      "batch",
      "policies",
    ]);
    const summary = summarise(await orderer.configBlock("ch1"));
    expect(summary.batch).toEqual(wanted.batch);
    expect(summary.policies.endorsement).toBe("AND('Org1MSP.peer', 'Org2MSP.peer')");
    expect(summary.organisations[0]?.crlSerials).toEqual(["41".repeat(16)]);

    const alone = { ...wanted, organisations: [org1], policies: description.policies };
    expect(await reach(network, orderer, alone)).toEqual([
      "organisation.msp",
      "anchors",
      "policies",
      "organisation.remove",
      "organisation.remove",
    ]);
    expect(await orderer.info("ch1")).toMatchObject({ status: "active", height: 13 });
  },
);

test.skipIf(programs === undefined)("updates without the right signatures, and stale ones, are refused", async () => {
  const ports = [await freePorts()];
  const network = await createTestNetwork({
    consensus: "raft",
    orderers: 1,
    organisations: 1,
    ports: ports.map(({ grpc }) => grpc),
  });
  const [orderer] = await start(network, ports);
  if (orderer === undefined) throw new Error("no orderer");
  const genesis = genesisOf(network);
  await orderer.join(genesis);
  const { description } = network;
  const wanted = { ...description, batch: { ...description.batch, timeoutMs: 900 } };
  const update = toConfigUpdate(genesis, "ch1", { kind: "batch", signers: [] }, wanted);
  if (update === undefined) throw new Error("nothing to update");
  const signer = network.identityOf(network.ordererOrg);
  const signing = () => ({ ...signer, nonce: network.random.bytes(24), at: new Date() });
  const unsigned = await toConfigUpdateEnvelope({ channelId: "ch1", update, signatures: [], ...signing() });
  const refused = await until(
    async () => {
      const said = await orderer.update(unsigned);
      return said.body.includes("no Raft leader") ? undefined : said;
    },
    () => orderer.log(),
  );
  expect(refused.status).toBe(400);
  expect(refused.body).toContain("policy for [Value]  /Channel/Orderer/BatchTimeout not satisfied");
  await change(network, orderer, wanted, { kind: "batch", signers: ["OrdererMSP"] });
  const signatures = [await toConfigSignature({ update, ...signing() })];
  const stale = await orderer.update(
    await toConfigUpdateEnvelope({ channelId: "ch1", update, signatures, ...signing() }),
  );
  expect(stale.status).toBe(400);
  expect(stale.body).toContain("but key is at version 1");
});

/** Each orderer's certificates renewed with the keys that they have. */
const renew = async (network: TestNetwork, orderers: readonly TestOrderer[]): Promise<TestOrderer[]> =>
  Promise.all(
    orderers.map(async ({ identity, tls }, index) => ({
      identity: await network.issue({
        commonName: `orderer-${index}`,
        unit: "orderer",
        usage: "identity",
        issuer: network.ordererOrg.ca,
        key: identity,
      }),
      tls: await network.issue({
        commonName: `orderer-${index}`,
        usage: "tls",
        issuer: network.ordererOrg.tlsCa,
        hosts: ["127.0.0.1"],
        key: tls,
      }),
    })),
  );

const withOrderers = (
  network: TestNetwork,
  orderers: readonly TestOrderer[],
  ports: readonly OrdererPorts[],
  kept: readonly number[],
): NetworkDescription => {
  const consenters = toConsenters(
    network.ordererOrg,
    orderers,
    ports.map(({ grpc }) => grpc),
  ).filter((_, index) => kept.includes(index));
  const endpoints = consenters.map(({ host, port }) => `${host}:${port}`);
  return { ...network.description, consenters, ordererOrg: { ...network.description.ordererOrg, endpoints } };
};

test.skipIf(programs === undefined).each([
  ["raft", 3],
  ["bft", 4],
] as const)(
  "real orderers (%s) renew every certificate, take in one more and let one go",
  async (consensus, count) => {
    const ports: OrdererPorts[] = [];
    for (let index = 0; index <= count; index++) ports.push(await freePorts());
    const network = await createTestNetwork({
      consensus,
      orderers: count + 1,
      organisations: 1,
      ports: ports.map(({ grpc }) => grpc),
    });
    const all = [...ports.keys()];
    const first = withOrderers(network, network.orderers, ports, all.slice(0, count));
    const orderers = await start(network, ports);
    const [orderer, second] = orderers;
    const joiner = orderers[count];
    if (orderer === undefined || second === undefined || joiner === undefined) throw new Error("no orderer");
    network.description = first;
    const block = genesisOf(network);
    for (const each of orderers.slice(0, count)) expect(await each.join(block)).toMatchObject({ status: 201 });

    const fresh = await renew(network, network.orderers);
    const renewed = withOrderers(network, fresh, ports, all.slice(0, count));
    expect(await reach(network, orderer, renewed)).toEqual(Array.from({ length: count }, () => "consenter.refresh"));

    expect(await joiner.join(await orderer.configBlock("ch1"))).toMatchObject({ status: 201 });
    const larger = withOrderers(network, fresh, ports, all);
    expect(await reach(network, orderer, larger)).toEqual(["consenter.add", "endpoints"]);
    await until(
      async () => {
        const { status, consensusRelation, height } = await joiner.info("ch1");
        const isIn = status === "active" && consensusRelation === "consenter" && height >= count + 2;
        return isIn ? true : undefined;
      },
      () => joiner.log().slice(-3_000),
    );

    const smaller = withOrderers(network, fresh, ports, all.slice(1));
    expect(await reach(network, second, smaller)).toEqual(["endpoints", "consenter.remove"]);
    const wanted = { ...smaller, batch: { ...smaller.batch, timeoutMs: 300 } };
    expect(await reach(network, second, wanted)).toEqual(["batch"]);
    const summary = summarise(await second.configBlock("ch1"));
    expect(summary.consenters.map(({ tlsPem }) => tlsPem)).toEqual(fresh.slice(1).map(({ tls }) => tls.pem));
    expect(summary.batch.timeoutMs).toBe(300);
    const { height } = await second.info("ch1");
    await until(
      async () => ((await joiner.info("ch1")).height === height ? true : undefined),
      () => joiner.log().slice(-3_000),
      60_000,
    );
  },
  120_000,
);
