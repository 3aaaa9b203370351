import type { ChainSpec, NodeSpec, PortSpec } from "@portolan/domain";
import { chaincodesOf } from "./parts.ts";
import { defaultOrderers } from "./plans.ts";
import { type FabricOrganisation, readSettings } from "./settings.ts";

export const roles = { orderer: "orderer", peer: "peer", chaincode: "chaincode" } as const;

/** Names of ports by what they are for. */
export const ports = {
  /** orderer, peer: the node's gRPC service. chaincode: what peers connect to. */
  grpc: "grpc",
  /** orderer: channel participation. */
  admin: "admin",
  /** orderer, peer: health and metrics. relay of chaincode: whether it gets through. */
  operations: "operations",
  /** peer: where chaincode would connect to the peer; bound, though chaincode runs as a service. */
  chaincode: "chaincode",
} as const;

/** Fabric's nodes speak TLS by themselves, so that whoever is let in to the port has said and seen who is who. */
const shownIf = (isShown: boolean): Pick<PortSpec, "outsideBy"> => (isShown ? { outsideBy: "tls" } : {});

const ordererPorts = (isShown: boolean): readonly PortSpec[] => [
  { name: ports.grpc, exposure: "internal", protocol: "grpc", ...shownIf(isShown) },
  { name: ports.admin, exposure: "admin", protocol: "http" },
  { name: ports.operations, exposure: "admin", protocol: "http" },
];
const peerPorts = (isShown: boolean): readonly PortSpec[] => [
  { name: ports.grpc, exposure: "gateway", protocol: "grpc", ...shownIf(isShown) },
  { name: ports.chaincode, exposure: "internal", protocol: "grpc" },
  { name: ports.operations, exposure: "admin", protocol: "http" },
];
const chaincodePorts: readonly PortSpec[] = [{ name: ports.grpc, exposure: "internal", protocol: "grpc" }];
/** Of the node that stands for a chaincode server at the customer's own address. */
const relayPorts: readonly PortSpec[] = [
  ...chaincodePorts,
  { name: ports.operations, exposure: "admin", protocol: "http" },
];

/** Numbers of the orderers in use: the first `orderers` that were not retired. */
export const ordererOrdinals = (spec: Pick<ChainSpec, "settings" | "plan">): number[] => {
  const settings = readSettings(spec.settings);
  const count = settings.orderers ?? defaultOrderers(spec.plan, settings.consensus);
  const ordinals: number[] = [];
  for (let ordinal = 0; ordinals.length < count; ordinal++)
    if (!settings.retiredOrderers.includes(ordinal)) ordinals.push(ordinal);
  return ordinals;
};

export const ordererName = (ordinal: number): string => `${roles.orderer}-${ordinal}`;
export const peerName = (organisation: string, ordinal: number): string => `${roles.peer}-${organisation}-${ordinal}`;
export const chaincodeNodeName = (name: string): string => `${roles.chaincode}-${name}-0`;

/** Names of an organisation's peers. */
export const peersOf = (organisation: FabricOrganisation): string[] =>
  Array.from({ length: organisation.peers }, (_, ordinal) => peerName(organisation.name, ordinal));

const regionAt = (spec: Pick<ChainSpec, "regions">, index: number): string =>
  spec.regions[index % spec.regions.length] ?? "";

/** Nodes are dealt out over the regions in turn, each role by itself, so that no region holds a majority by accident. */
export const topology = (spec: ChainSpec): NodeSpec[] => {
  const settings = readSettings(spec.settings);
  const shown = {
    orderers: ordererPorts(settings.outside?.includes("orderers") === true),
    peers: peerPorts(settings.outside?.includes("peers") === true),
  };
  const orderers = ordererOrdinals(spec).map((ordinal): NodeSpec => {
    const region = regionAt(spec, ordinal);
    return { name: ordererName(ordinal), role: roles.orderer, ordinal, region, ports: shown.orderers };
  });
  const peers = settings.organisations.flatMap((organisation) =>
    peersOf(organisation).map(
      (name, ordinal): NodeSpec => ({
        name,
        role: roles.peer,
        ordinal,
        region: regionAt(spec, ordinal),
        ports: shown.peers,
      }),
    ),
  );
  const chaincodes = chaincodesOf(spec)
    .filter((part) => !part.isDeleted)
    .map(
      (part): NodeSpec => ({
        name: chaincodeNodeName(part.name),
        role: roles.chaincode,
        ordinal: 0,
        region: regionAt(spec, 0),
        ports: part.settings.source.kind === "external" ? relayPorts : chaincodePorts,
        part: part.id,
        isStateless: true,
        ...(part.settings.source.kind === "image" ? { isTenantCode: true as const } : {}),
      }),
    );
  return [...orderers, ...peers, ...chaincodes];
};
