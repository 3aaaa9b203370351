import type {
  AddressesByRegion,
  Blueprint,
  BlueprintNode,
  BlueprintPort,
  ChainSpec,
  FileSpec,
  MaterialItem,
  NodeSpec,
} from "@portolan/domain";
import type { RegionFacts } from "../framework.ts";
import { toBlueprintPorts } from "../node-ports.ts";
import { toRegionBlueprints } from "../region-blueprints.ts";
import { toClientFiles } from "./config/client-files.ts";
import { toNodeConfig } from "./config/node-config.ts";
import { findItem, type GenesisFacts, materialNames } from "./names.ts";
import { toNetworkRules } from "./network-rules.ts";
import { limitsOf } from "./plans.ts";
import { dataVolume, fileNames, nodeDirectory, toBakerProcess, toLinks, toNodeProcess } from "./processes.ts";
import { ports, roles, topology } from "./topology.ts";

export const rendererVersion = 1;

/** Everything that the blueprints are a function of. */
export interface BlueprintInput {
  spec: ChainSpec;
  material: readonly MaterialItem[];
  regions: RegionFacts;
  addresses: AddressesByRegion;
}

const needed = (material: readonly MaterialItem[], name: string): MaterialItem => {
  const item = findItem(material, name);
  if (item === undefined) throw new Error(`there is no ${name} yet`);
  return item;
};

const bound = (own: readonly BlueprintPort[], name: string): string => {
  const port = own.find((one) => one.name === name);
  if (port === undefined) throw new Error(`the node has no port ${name}`);
  const host = port.bindHost.includes(":") ? `[${port.bindHost}]` : port.bindHost;
  return `${host}:${port.bindNumber}`;
};

/** Where all other nodes of the chain are dialled, in whatever region. */
const peersOf = (addresses: AddressesByRegion, node: string): string[] =>
  Object.values(addresses)
    .flat()
    .filter((address) => address.port === ports.p2p && address.node !== node)
    .map(({ host, number }) => `${host}:${number}`)
    .sort();

const toFiles = (input: BlueprintInput, node: NodeSpec, own: readonly BlueprintPort[]): FileSpec[] => {
  const { material, addresses } = input;
  const isBaker = node.role === roles.baker;
  const identity = needed(material, materialNames.identity(node.name));
  const config = toNodeConfig({
    genesis: needed(material, materialNames.genesis).public as GenesisFacts,
    isBaker,
    rpc: bound(own, ports.rpc),
    p2p: bound(own, ports.p2p),
    peers: peersOf(addresses, node.name),
    dataDirectory: nodeDirectory,
  });
  return [
    // Only the peers in it ever change, and nodes tell each other of new ones.
    { name: fileNames.config, content: { text: config }, mode: 0o644, isForNextStart: true },
    {
      name: fileNames.identity,
      content: { secret: { material: identity.name, version: identity.version } },
      mode: 0o600,
    },
    { name: fileNames.links, content: { asset: fileNames.links }, mode: 0o644 },
    ...(isBaker ? toClientFiles(material, node.name) : []),
  ];
};

const toNode = (input: BlueprintInput, node: NodeSpec): BlueprintNode => {
  const { spec, addresses } = input;
  const isBaker = node.role === roles.baker;
  const { cpuMillis, memoryBytes, storageBytes } = limitsOf(spec);
  const own = toBlueprintPorts(node, addresses[node.region] ?? []);
  return {
    name: node.name,
    role: node.role,
    ordinal: node.ordinal,
    version: spec.version,
    processes: [toNodeProcess(spec, isBaker), ...(isBaker ? [toBakerProcess(spec, node.name, own)] : [])],
    init: [toLinks(isBaker)],
    jobs: [],
    files: toFiles(input, node, own),
    volumes: [{ name: dataVolume, kind: "data", sizeBytes: storageBytes }],
    ports: own,
    userId: 1000,
    resources: { cpuMillis, memoryBytes },
    startAfter: [],
  };
};

/** Bakers of a region, and its RPC nodes: what would be lost together on one machine. */
const toSpread = (here: readonly NodeSpec[]): Blueprint["spread"] =>
  Object.values(roles).map((role) => ({
    group: `${role}s`,
    nodes: here.filter((node) => node.role === role).map(({ name }) => name),
  }));

/** One blueprint per region of the spec. Pure; throws where material or an address is missing. */
export const toBlueprints = (input: BlueprintInput): { [region: string]: Blueprint } => {
  const { spec, regions } = input;
  const nodes = topology(spec);
  return toRegionBlueprints({
    ...{ spec, regions, nodes, rendererVersion, toSpread },
    network: toNetworkRules(nodes),
    toNode: (node) => toNode(input, node),
  });
};
