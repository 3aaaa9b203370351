import { X509Certificate } from "node:crypto";
import type { AddressesByRegion } from "@portolan/domain";
import { expect, test } from "vitest";
import { afterDays, createKeeper, reserve, start, toSpec } from "../../test/fabric-material.ts";
import { toBlueprints } from "./blueprint.ts";
import { fabricSettings } from "./settings.ts";
import { topology } from "./topology.ts";

const organisations = [{ name: "org1", peers: 2 }];
const shownBy = (settings: object) =>
  topology(toSpec({ organisations, orderers: 1, ...settings })).flatMap(({ name, ports }) =>
    ports.flatMap((port) => (port.outsideBy === undefined ? [] : [`${name} ${port.name} ${port.outsideBy}`])),
  );
const serverNameOf = (node: string): string => `${node}-chn-1.paris.example.org`;
/** As a region with an entry reserves them. */
const reserveShown = (spec: ReturnType<typeof toSpec>): AddressesByRegion => {
  const shown = new Set(
    topology(spec).flatMap(({ name, ports }) =>
      ports.flatMap((port) => (port.outsideBy === undefined ? [] : [`${name}/${port.name}`])),
    ),
  );
  const addresses = reserve(spec)["here"] ?? [];
  return {
    here: addresses.map((address) => {
      if (!shown.has(`${address.node}/${address.port}`)) return address;
      const serverName = serverNameOf(address.node);
      return { ...address, outside: { host: serverName, number: 443, serverName } };
    }),
  };
};

test("who may be reached from outside is the owner's to say: nobody, peers, orderers, at their gRPC port alone", () => {
  expect(shownBy({})).toEqual([]);
  expect(shownBy({ outside: [] })).toEqual([]);
  expect(shownBy({ outside: ["peers"] })).toEqual(["peer-org1-0 grpc tls", "peer-org1-1 grpc tls"]);
  expect(shownBy({ outside: ["orderers"] })).toEqual(["orderer-0 grpc tls"]);
  expect(fabricSettings.safeParse({ outside: ["peers", "peers"] }).success).toBe(false);
  expect(fabricSettings.safeParse({ outside: ["chaincode"] }).success).toBe(false);
});

test("a node's TLS certificate has the name that callers from outside ask for, and no other node's", async () => {
  const keeper = createKeeper();
  const spec = toSpec({ organisations, orderers: 1, outside: ["peers"] });
  await keeper.pass(spec, start, reserveShown(spec));
  const certificate = (node: string) => new X509Certificate(String(keeper.read(`node/${node}/tls`)["pem"]));
  expect(certificate("peer-org1-0").checkHost(serverNameOf("peer-org1-0"))).toBeDefined();
  expect(certificate("peer-org1-0").checkHost(serverNameOf("peer-org1-1"))).toBeUndefined();
  expect(certificate("orderer-0").checkHost(serverNameOf("orderer-0"))).toBeUndefined();
});

test("of a chain that is there it is certified anew, with the key that it has, and nothing else is made", async () => {
  const keeper = createKeeper();
  const before = toSpec({ organisations, orderers: 1 });
  await keeper.pass(before, start, reserveShown(before));
  const after = toSpec({ organisations, orderers: 1, outside: ["peers"] });
  const made = await keeper.pass(after, afterDays(1), reserveShown(after));
  expect(made.map(({ name, version }) => `${name} ${version}`).sort()).toEqual([
    "node/peer-org1-0/tls 2",
    "node/peer-org1-1/tls 2",
  ]);
  expect(await keeper.pass(after, afterDays(2), reserveShown(after))).toEqual([]);
  // Hidden again: a certificate for one name more does no harm.
  expect(await keeper.pass(before, afterDays(3), reserveShown(before))).toEqual([]);
});

test("the blueprint shows what the wish shows, where the region has given it a name", async () => {
  const keeper = createKeeper();
  const spec = toSpec({ organisations, orderers: 1, outside: ["peers"] });
  const addresses = reserveShown(spec);
  await keeper.pass(spec, start, addresses);
  const capabilities = { isolation: "none", hasStorageExpansion: false, hasSnapshots: true, exposures: [] } as const;
  const shown = (wish: typeof spec, at: AddressesByRegion) => {
    const regions = { here: { placementId: "plc_1", capabilities } };
    const input = { spec: wish, material: keeper.items(), regions, addresses: at, operator: { forks: [] } };
    return (toBlueprints(input)["here"]?.nodes ?? []).flatMap(({ ports }) =>
      ports.flatMap(({ outside }) => outside?.serverName ?? []),
    );
  };
  expect(shown(spec, addresses)).toEqual([serverNameOf("peer-org1-0"), serverNameOf("peer-org1-1")]);
  expect(shown(spec, reserve(spec))).toEqual([]);
  expect(shown(toSpec({ organisations, orderers: 1 }), addresses)).toEqual([]);
});
