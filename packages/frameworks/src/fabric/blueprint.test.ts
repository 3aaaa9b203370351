import { createSign } from "node:crypto";
import {
  type AddressesByRegion,
  type Blueprint,
  type BlueprintNode,
  type ChainSpec,
  type NewMaterialItem,
  type Signer,
  toBlueprintRefs,
  toNodeHash,
} from "@portolan/domain";
import { seededRandom } from "@portolan/testing";
import { expect, test } from "vitest";
import { catalogueChaincode, fabricSpec } from "../../test/fabric-spec.ts";
import type { RegionFacts } from "../framework.ts";
import type { OperatorConfig } from "../operator-config.ts";
import { toBlueprints } from "./blueprint.ts";
import { newP256Key } from "./crypto/index.ts";
import { makeMaterial } from "./material.ts";
import { topology } from "./topology.ts";

const signer = (): Signer => {
  const keys = new Map<string, ReturnType<typeof newP256Key>>();
  const random = seededRandom("authorities");
  return {
    createKey: async (ref, algorithm) => {
      const key = keys.get(ref) ?? newP256Key(random);
      keys.set(ref, key);
      return { ref, algorithm, publicKey: key.publicKeyPem };
    },
    sign: async (ref, data) =>
      createSign("sha256")
        .update(data)
        .sign(keys.get(ref)?.privateKeyPem ?? ""),
  };
};

/** Hosts and binds differ, so that one in the place of the other is noticed. */
const reserve = (spec: ChainSpec): AddressesByRegion => {
  const addresses: { [region: string]: AddressesByRegion[string][number][] } = {};
  let number = 7_000;
  for (const node of topology(spec)) {
    for (const { name } of node.ports) {
      number += 1;
      const list = addresses[node.region] ?? [];
      addresses[node.region] = list;
      list.push({
        node: node.name,
        port: name,
        host: "10.0.0.1",
        number,
        bindHost: "0.0.0.0",
        bindNumber: number + 1_000,
      });
    }
  }
  return addresses;
};

const open = async (spec: ChainSpec) => {
  const addresses = reserve(spec);
  const keys = signer();
  const random = seededRandom("nodes");
  const regions: RegionFacts = Object.fromEntries(
    spec.regions.map((region) => [
      region,
      {
        placementId: `plc_${region}`,
        capabilities: { isolation: "none", hasStorageExpansion: false, hasSnapshots: false, exposures: [] },
      },
    ]),
  );
  const material: NewMaterialItem[] = [];
  const renew = async (now: string): Promise<void> => {
    material.push(...(await makeMaterial(spec, material, { addresses, signer: keys, random, now: new Date(now) })));
  };
  await renew("2026-01-01T00:00:00Z");
  const render = (operator: OperatorConfig = { forks: [] }) =>
    toBlueprints({ spec, material, regions, addresses, operator });
  return { render, renew, material };
};

const nodeOf = (blueprint: Blueprint | undefined, name: string): BlueprintNode => {
  const found = blueprint?.nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
};
const fileOf = (node: BlueprintNode, name: string) => node.files.find((file) => file.name === name);
const envOf = (node: BlueprintNode) => node.processes[0]?.env ?? {};

const two = () =>
  fabricSpec(
    {
      organisations: [
        { name: "org1", peers: 2 },
        { name: "acme", mspId: "AcmeMSP", peers: 1 },
      ],
    },
    { parts: [catalogueChaincode("basic")] },
  );

test("what is said to keep nothing has no volume, and what has one is not said to", async () => {
  const spec = two();
  const { local } = (await open(spec)).render();
  for (const { name, isStateless } of topology(spec))
    expect([name, nodeOf(local, name).volumes.length === 0]).toEqual([name, isStateless === true]);
});

test("a node has the MSP and TLS directories that Fabric looks for, private keys closed to others", async () => {
  const { render } = await open(two());
  const { local } = render();
  for (const [name, organisation] of [
    ["orderer-0", "orderer"],
    ["peer-org1-1", "org1"],
    ["peer-acme-0", "acme"],
  ] as const) {
    const node = nodeOf(local, name);
    const pem = (material: string) => ({ public: { material, version: 1, field: "pem" } });
    expect(fileOf(node, "msp/cacerts/ca.pem")?.content).toEqual(pem(`ca/${organisation}`));
    expect(fileOf(node, "msp/tlscacerts/tlsca.pem")?.content).toEqual(pem(`tlsca/${organisation}`));
    expect(fileOf(node, "msp/signcerts/cert.pem")?.content).toEqual(pem(`node/${name}/enrolment`));
    expect(fileOf(node, "tls/server.crt")?.content).toEqual(pem(`node/${name}/tls`));
    expect(fileOf(node, "msp/keystore/key.pem")).toMatchObject({
      content: { secret: { material: `node/${name}/enrolment-key`, version: 1 } },
      mode: 0o600,
    });
    expect(fileOf(node, "tls/server.key")).toMatchObject({ mode: 0o600 });
    expect(JSON.stringify(fileOf(node, "msp/config.yaml"))).toContain("OrdererOUIdentifier:");
  }
});

test("an orderer listens where it is bound, and keeps blocks and consensus below its volume", async () => {
  const { render } = await open(two());
  const node = nodeOf(render()["local"], "orderer-0");
  const bind = (port: string) => node.ports.find(({ name }) => name === port)?.bindNumber;
  expect(envOf(node)).toMatchObject({
    FABRIC_CFG_PATH: { directory: "config" },
    ORDERER_GENERAL_LISTENADDRESS: "0.0.0.0",
    ORDERER_GENERAL_LISTENPORT: String(bind("grpc")),
    ORDERER_GENERAL_LOCALMSPID: "OrdererMSP",
    ORDERER_ADMIN_LISTENADDRESS: `0.0.0.0:${bind("admin")}`,
    ORDERER_ADMIN_TLS_CLIENTROOTCAS: ["[", { file: "tls/operator-ca.crt" }, "]"],
    ORDERER_OPERATIONS_LISTENADDRESS: `0.0.0.0:${bind("operations")}`,
    ORDERER_FILELEDGER_LOCATION: { volume: "data", path: "ledger" },
    ORDERER_CONSENSUS_WALDIR: { volume: "data", path: "consensus/wal" },
    ORDERER_CONSENSUS_SNAPDIR: { volume: "data", path: "consensus/snap" },
  });
  expect(fileOf(node, "tls/operator-ca.crt")?.content).toEqual({
    public: { material: "operator-ca", version: 1, field: "pem" },
  });
});

test("a peer is told by the address that others dial, and learns its organisation's peers from each other", async () => {
  const { render } = await open(two());
  const { local } = render();
  const dialled = (name: string) =>
    `10.0.0.1:${nodeOf(local, name).ports.find((port) => port.name === "grpc")?.number}`;
  expect(envOf(nodeOf(local, "peer-org1-0"))).toMatchObject({
    CORE_PEER_LOCALMSPID: "Org1MSP",
    CORE_PEER_ADDRESS: dialled("peer-org1-0"),
    CORE_PEER_GOSSIP_EXTERNALENDPOINT: dialled("peer-org1-0"),
    CORE_PEER_GOSSIP_BOOTSTRAP: dialled("peer-org1-1"),
    CORE_PEER_FILESYSTEMPATH: { volume: "data", path: "ledger" },
    CORE_VM_ENDPOINT: "",
    CORE_CHAINCODE_EXTERNALBUILDERS: ["[{name: ccaas, path: '", { directory: "builder" }, "'}]"],
  });
  expect(envOf(nodeOf(local, "peer-acme-0"))).toMatchObject({
    CORE_PEER_LOCALMSPID: "AcmeMSP",
    CORE_PEER_GOSSIP_BOOTSTRAP: dialled("peer-acme-0"),
  });
  for (const script of ["detect", "build", "release"])
    expect(fileOf(nodeOf(local, "peer-acme-0"), `builder/bin/${script}`)?.mode).toBe(0o755);
});

test("orderers are started first and all have the time to stop", async () => {
  const { render } = await open(two());
  const { local } = render();
  expect(nodeOf(local, "peer-org1-0").startAfter).toEqual(["orderer-0"]);
  expect(nodeOf(local, "orderer-0").startAfter).toEqual([]);
  expect(nodeOf(local, "peer-org1-0").processes[0]).toMatchObject({ stopSignal: "SIGTERM", stopGraceMs: 30_000 });
});

test("chaincode is a node: program of the catalogue, its package's id, a certificate and nothing of an MSP", async () => {
  const { render } = await open(two());
  const { local } = render();
  const node = nodeOf(local, "chaincode-basic-0");
  const [port] = node.ports;
  expect(node.processes[0]?.program).toMatchObject({ name: "chaincode-asset-transfer", version: "1.0.0" });
  expect(envOf(node)).toMatchObject({
    CORE_CHAINCODE_ID: expect.stringMatching(/^basic:[0-9a-f]{64}$/),
    CORE_CHAINCODE_ADDRESS: `0.0.0.0:${port?.bindNumber}`,
    CORE_CHAINCODE_TLS_KEY_FILE: { file: "tls/server.key" },
  });
  expect(node.files.map(({ name }) => name)).toEqual(["tls/server.crt", "tls/server.key"]);
  expect(local?.network).toContainEqual({
    from: { node: "peer-acme-0", region: "local" },
    to: { node: "chaincode-basic-0", port: "grpc" },
  });
});

test("chaincode that the operator does not list any more is a program that nobody has, and stops nothing else", async () => {
  const { render } = await open(two());
  const blueprint = render({ forks: [], ...{ chaincodes: [] } })["local"];
  expect(nodeOf(blueprint, "chaincode-basic-0").processes[0]?.program.name).toBe("chaincode-not-listed");
  const before = render()["local"];
  for (const name of ["orderer-0", "peer-org1-0"])
    expect(toNodeHash(nodeOf(blueprint, name))).toBe(toNodeHash(nodeOf(before, name)));
});

const externalAt = (address: string, more: object = {}) =>
  fabricSpec(
    {},
    {
      parts: [
        {
          ...catalogueChaincode("basic"),
          settings: { channel: "main", source: { kind: "external", address, ...more } },
        },
      ],
    },
  );
const wayOut = {
  forks: [],
  forwarderUrl: "http://127.0.0.1:4300",
  externalChaincode: { mayDial: () => true, permit: (chain: string, address: string) => `${chain} may ${address}` },
};

test("in the place of chaincode at the customer's address stands a node that asks the forwarder for it", async () => {
  const { render } = await open(externalAt("cc.example.com:9999", { rootCertificate: "ROOT" }));
  const blueprint = render(wayOut)["local"];
  const node = nodeOf(blueprint, "chaincode-basic-0");
  const [grpc, status] = node.ports;
  expect(node.role).toBe("chaincode");
  expect(node.processes[0]?.program).toMatchObject({ name: "node", version: "24" });
  expect(envOf(node)).toEqual({
    RELAY_ADDRESS: "cc.example.com:9999",
    RELAY_ROOT_FILE: { file: "tls/customer-root.crt" },
    RELAY_FORWARDER: "http://127.0.0.1:4300",
    RELAY_PERMIT: "chn_01jd00000000000000000000fa may cc.example.com:9999",
    RELAY_HOST: "0.0.0.0",
    RELAY_PORT: String(grpc?.bindNumber),
    RELAY_STATUS_HOST: "0.0.0.0",
    RELAY_STATUS_PORT: String(status?.bindNumber),
    RELAY_CERTIFICATE_FILE: { file: "tls/server.crt" },
    RELAY_KEY_FILE: { file: "tls/server.key" },
  });
  expect(node.files.map(({ name }) => name)).toEqual([
    "tls/server.crt",
    "tls/server.key",
    "chaincode-relay.mjs",
    "tls/customer-root.crt",
  ]);
  expect(fileOf(node, "tls/customer-root.crt")?.content).toEqual({ text: "ROOT" });
  expect(status).toMatchObject({ name: "operations", exposure: "admin" });
  expect(blueprint?.network).toContainEqual({ from: "worker", to: { node: node.name, port: "operations" } });
  // Nothing else of the network has the address: no peer dials what a tenant named.
  const others = blueprint?.nodes.filter(({ name }) => name !== node.name);
  expect(JSON.stringify(others)).not.toContain("cc.example.com");
});

test("another address of the customer's starts that node anew and no other; without a way out it has none", async () => {
  const [first, second] = [await open(externalAt("a.example.com:1")), await open(externalAt("b.example.com:1"))];
  const [before, after] = [first.render(wayOut)["local"], second.render(wayOut)["local"]];
  const hash = (blueprint: Blueprint | undefined, name: string) => toNodeHash(nodeOf(blueprint, name));
  expect(hash(after, "chaincode-basic-0")).not.toBe(hash(before, "chaincode-basic-0"));
  for (const name of ["orderer-0", "peer-org1-0"]) expect(hash(after, name)).toBe(hash(before, name));
  const alone = envOf(nodeOf(first.render()["local"], "chaincode-basic-0"));
  expect(Object.keys(alone)).not.toContain("RELAY_FORWARDER");
  expect(Object.keys(alone)).not.toContain("RELAY_ROOT_FILE");
});

test("who may talk to whom: no admin or operations port but for the worker, peers alone for the gateway", async () => {
  const { render } = await open(two());
  const rules = render()["local"]?.network ?? [];
  const to = (port: string) => [...new Set(rules.filter((rule) => rule.to.port === port).map(({ from }) => from))];
  expect([to("admin"), to("operations"), to("chaincode")]).toEqual([["worker"], ["worker"], []]);
  expect(rules.filter(({ from }) => from === "gateway").map((rule) => rule.to.node)).toEqual([
    "peer-org1-0",
    "peer-org1-1",
    "peer-acme-0",
  ]);
  expect(rules.filter(({ from, to: target }) => typeof from === "object" && from.node === target.node)).toEqual([]);
});

test("each region has its nodes, and rules for those that come from others", async () => {
  const spec = fabricSpec(
    { orderers: 3, organisations: [{ name: "org1", peers: 2 }] },
    { plan: "standard", regions: ["a", "b"] },
  );
  const { render } = await open(spec);
  const blueprints = render();
  expect(
    Object.fromEntries(
      Object.entries(blueprints).map(([region, { nodes }]) => [region, nodes.map(({ name }) => name)]),
    ),
  ).toEqual({
    a: ["orderer-0", "orderer-2", "peer-org1-0"],
    b: ["orderer-1", "peer-org1-1"],
  });
  expect(nodeOf(blueprints["b"], "peer-org1-1").startAfter).toEqual(["orderer-1"]);
  expect(blueprints["b"]?.network).toContainEqual({
    from: { node: "orderer-0", region: "a" },
    to: { node: "orderer-1", port: "grpc" },
  });
  expect(blueprints["a"]?.spread).toEqual([{ group: "orderers", nodes: ["orderer-0", "orderer-2"] }]);
});

test("a renewed certificate changes its node, and its key stays", async () => {
  const { render, renew, material } = await open(two());
  const before = render()["local"];
  await renew("2026-10-01T00:00:00Z");
  const after = render()["local"];
  const node = nodeOf(after, "peer-org1-0");
  expect(fileOf(node, "tls/server.crt")?.content).toMatchObject({ public: { version: 2 } });
  expect(fileOf(node, "tls/server.key")?.content).toMatchObject({ secret: { version: 1 } });
  expect(toNodeHash(node)).not.toBe(toNodeHash(nodeOf(before, "peer-org1-0")));
  const chaincode = envOf(nodeOf(after, "chaincode-basic-0"))["CORE_CHAINCODE_ID"];
  expect(chaincode).toBe(envOf(nodeOf(before, "chaincode-basic-0"))["CORE_CHAINCODE_ID"]);
  // Only what a node needs travels to where it runs: no authority's, no administrator's, no user's material.
  const { secrets } = toBlueprintRefs(after ?? ({} as Blueprint));
  expect(secrets.every(({ material: name }) => /^node\/[a-z0-9-]+\/(enrolment|tls)-key$/.test(name))).toBe(true);
  expect(material.some(({ name, version }) => name === "node/peer-org1-0/tls" && version === 2)).toBe(true);
});

test("the plan says how much a node may use, and Go keeps below it", async () => {
  const { render } = await open(fabricSpec());
  const node = nodeOf(render()["local"], "peer-org1-0");
  expect(node.resources).toEqual({ cpuMillis: 250, memoryBytes: 512 * 1_048_576 });
  expect(Number.parseInt(String(envOf(node)["GOMEMLIMIT"]), 10)).toBeLessThan(node.resources.memoryBytes);
});

test("chaincode by the tenant's own image is a node of its own kind, of which no other node knows more than of any", async () => {
  const image = `ghcr.io/acme/assets@sha256:${"0".repeat(64)}`;
  const source = { kind: "image", image };
  const spec = fabricSpec({}, { parts: [{ ...catalogueChaincode("basic"), settings: { channel: "main", source } }] });
  const blueprint = (await open(spec)).render()["local"];
  const node = nodeOf(blueprint, "chaincode-basic-0");
  expect(node).toMatchObject({
    isTenantCode: true,
    volumes: [],
    processes: [{ program: { image, isEntrypoint: true } }],
  });
  expect(
    topology(spec)
      .filter(({ isTenantCode }) => isTenantCode)
      .map(({ name }) => name),
  ).toEqual([node.name]);
  expect(envOf(node)).toMatchObject({ CORE_CHAINCODE_ID: expect.stringMatching(/^basic:[0-9a-f]{64}$/) });
  const others = blueprint?.nodes.filter(({ name }) => name !== node.name) ?? [];
  expect(others.every(({ isTenantCode }) => isTenantCode === undefined)).toBe(true);
  expect(JSON.stringify(others)).not.toContain("ghcr.io/acme");
  // It is dialled, and dials nobody.
  const flows = blueprint?.network.filter(({ from }) => typeof from === "object" && from.node === node.name);
  expect(flows).toEqual([]);
});
