import type { AddressesByRegion, ChainSpec, MaterialItem } from "@portolan/domain";
import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { channelSettings } from "../parts.ts";
import { fabricSettings } from "../settings.ts";
import { topology } from "../topology.ts";
import { toNetworkDescription } from "./describe.ts";

const spec: ChainSpec = {
  chainId: "chn_01jd00000000000000000000aa",
  tenantId: "ten_01jd00000000000000000000aa",
  name: "first",
  framework: "fabric",
  version: "3.1.5",
  plan: "standard",
  settings: fabricSettings.parse({
    retiredOrderers: [1],
    organisations: [{ name: "org1", peers: 2 }, { name: "org2" }],
  }),
  regions: ["local"],
  parts: [],
  generation: 1,
  serial: 42,
};

const addresses: AddressesByRegion = {
  local: topology(spec).flatMap((node, index) =>
    node.ports.map((port, offset) => {
      const number = 20_000 + 10 * index + offset;
      return { node: node.name, port: port.name, host: "127.0.0.1", number, bindHost: "127.0.0.1", bindNumber: number };
    }),
  ),
};

const item = (name: string, version = 1): MaterialItem => ({
  name,
  version,
  kind: "certificate",
  owner: "plane",
  public: { pem: `${name} v${version}` },
  hasSecret: false,
});

const material = [
  ...["orderer", "org1", "org2"].flatMap((name) => [item(`ca/${name}`), item(`tlsca/${name}`)]),
  ...topology(spec).flatMap(({ name }) => [item(`node/${name}/enrolment`), item(`node/${name}/tls`)]),
  item("node/orderer-2/tls", 2),
  item("crl/org2", 1),
  item("crl/org2", 2),
];

const channel = (settings: object = {}) => ({ name: "ch1", settings: channelSettings.parse(settings) });

test("describes the orderers in use, with their newest certificates and their reserved addresses", () => {
  const description = toNetworkDescription(spec, material, addresses, channel());
  expect(description.consenters.map(({ id, port, tlsPem }) => ({ id, port, tlsPem }))).toEqual([
    { id: 1, port: 20_000, tlsPem: "node/orderer-0/tls v1" },
    { id: 3, port: 20_010, tlsPem: "node/orderer-2/tls v2" },
    { id: 4, port: 20_020, tlsPem: "node/orderer-3/tls v1" },
  ]);
  expect(description.ordererOrg.endpoints).toEqual(["127.0.0.1:20000", "127.0.0.1:20010", "127.0.0.1:20020"]);
  expect(description.channelId).toBe("ch1");
});

test("describes the channel's organisations only, the first peer as anchor, with the newest revocations", () => {
  const [only, ...others] = toNetworkDescription(
    spec,
    material,
    addresses,
    channel({ organisations: ["org2"] }),
  ).organisations;
  expect(others).toEqual([]);
  expect(only).toEqual({
    name: "org2",
    mspId: "Org2MSP",
    caPem: "ca/org2 v1",
    tlsCaPem: "tlsca/org2 v1",
    crlPem: "crl/org2 v2",
    peers: 1,
    anchors: [{ host: "127.0.0.1", port: 20_050 }],
  });
});

test.each([
  ["an organisation that the network doesn't have", "chain.settings_invalid", material, ["org9"]],
  ["a certificate that was not made yet", "material.failed", material.slice(1), ["org1"]],
])("refuses %s", (_, code, given, organisations) => {
  const describe = () => toNetworkDescription(spec, given, addresses, channel({ organisations }));
  expect(describe).toThrow(DomainError);
  expect(describe).toThrow(expect.objectContaining({ code }));
});
