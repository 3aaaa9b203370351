import {
  type AddressesByRegion,
  type Blueprint,
  type BlueprintNode,
  type BlueprintPort,
  type ChainSpec,
  type FileSpec,
  type MaterialItem,
  type NodeSpec,
  type ProcessSpec,
  type ProgramSpec,
  parseImageReference,
  type VolumeSpec,
} from "@portolan/domain";
import type { RegionFacts } from "../framework.ts";
import { toBlueprintPorts } from "../node-ports.ts";
import { type CatalogueChaincode, findChaincode, type OperatorConfig } from "../operator-config.ts";
import { toRegionBlueprints } from "../region-blueprints.ts";
import { chaincodePackageOf } from "./chaincode/package.ts";
import { materialNames } from "./names.ts";
import { toNetworkRules } from "./network-rules.ts";
import { certificate, toMspFiles, toRelayFiles, toServerFiles, toTlsFiles } from "./node-files.ts";
import { chaincodesOf } from "./parts.ts";
import { limitsOf } from "./plans.ts";
import { toChaincodeProcess, toOrdererProcess, toPeerProcess, toRelayProcess } from "./processes.ts";
import { type FabricOrganisation, mspIdOf, ordererOrganisation, readSettings } from "./settings.ts";
import { chaincodeNodeName, peersOf, ports, roles, topology } from "./topology.ts";

export const rendererVersion = 1;

/** Everything that a Fabric blueprint is a function of. */
export interface BlueprintInput {
  spec: ChainSpec;
  material: readonly MaterialItem[];
  regions: RegionFacts;
  addresses: AddressesByRegion;
  operator: OperatorConfig;
}

const mebibyte = 1_048_576;
/** A Node program that idles at about 60 MB. */
const chaincodeResources = { cpuMillis: 250, memoryBytes: 256 * mebibyte };
/** The same without anything to compute. */
const relayResources = { cpuMillis: 100, memoryBytes: 192 * mebibyte };

/** What each role fills in differently. */
interface NodeParts {
  process: ProcessSpec;
  files: FileSpec[];
  volumes: readonly VolumeSpec[];
  resources: BlueprintNode["resources"];
  startAfter: readonly string[];
}

const toNode = (
  spec: ChainSpec,
  node: NodeSpec,
  nodePorts: readonly BlueprintPort[],
  parts: NodeParts,
): BlueprintNode => ({
  name: node.name,
  role: node.role,
  ordinal: node.ordinal,
  version: spec.version,
  processes: [parts.process],
  init: [],
  jobs: [],
  files: parts.files,
  volumes: parts.volumes,
  ports: nodePorts,
  userId: 1000,
  resources: parts.resources,
  startAfter: parts.startAfter,
  ...(node.isTenantCode === true ? { isTenantCode: true } : {}),
});

const ledger = (spec: ChainSpec): Pick<NodeParts, "volumes" | "resources"> => {
  const { cpuMillis, memoryBytes, storageBytes } = limitsOf(spec);
  return {
    volumes: [{ name: "data", kind: "data", sizeBytes: storageBytes }],
    resources: { cpuMillis, memoryBytes },
  };
};

const ordererParts = (
  { spec, material }: BlueprintInput,
  node: NodeSpec,
  own: readonly BlueprintPort[],
): NodeParts => ({
  ...ledger(spec),
  process: toOrdererProcess(spec, own),
  files: [
    { name: "config/orderer.yaml", content: { asset: "orderer.yaml" }, mode: 0o644 },
    ...toMspFiles(material, node.name, ordererOrganisation),
    ...toTlsFiles(material, node.name, ordererOrganisation),
    { name: "tls/operator-ca.crt", content: certificate(material, materialNames.operatorCa), mode: 0o644 },
  ],
  startAfter: [],
});

const builderFiles = ["detect", "build", "release"].map(
  (name): FileSpec => ({ name: `builder/bin/${name}`, content: { asset: `builder/bin/${name}` }, mode: 0o755 }),
);

/** Peers of the same organisation that a peer learns the others from; itself where it is alone. */
const gossipSeeds = (input: BlueprintInput, organisation: FabricOrganisation, node: NodeSpec): string[] => {
  const names = peersOf(organisation);
  const others = names.length === 1 ? names : names.filter((name) => name !== node.name);
  return Object.values(input.addresses)
    .flat()
    .filter((address) => address.port === ports.grpc && others.includes(address.node))
    .sort((a, b) => others.indexOf(a.node) - others.indexOf(b.node))
    .map(({ host, number }) => `${host}:${number}`);
};

const peerParts = (
  input: BlueprintInput,
  node: NodeSpec,
  own: readonly BlueprintPort[],
  neighbours: readonly NodeSpec[],
): NodeParts => {
  const { spec, material } = input;
  const organisation = readSettings(spec.settings).organisations.find((one) => peersOf(one).includes(node.name));
  if (organisation === undefined) throw new Error(`${node.name} belongs to no organisation`);
  const seeds = gossipSeeds(input, organisation, node);
  return {
    ...ledger(spec),
    process: toPeerProcess(spec, { node: node.name, mspId: mspIdOf(organisation), seeds, ports: own }),
    files: [
      { name: "config/core.yaml", content: { asset: "core.yaml" }, mode: 0o644 },
      ...toMspFiles(material, node.name, organisation.name),
      ...toTlsFiles(material, node.name, organisation.name),
      ...builderFiles,
    ],
    startAfter: neighbours.filter(({ role }) => role === roles.orderer).map(({ name }) => name),
  };
};

/**
 * In the place of chaincode that the operator has taken off its list: no runtime has such a program, so the node says that
 * it is missing, and the rest of the chain goes on. Never a name that a tenant chose.
 */
const notListed: CatalogueChaincode = {
  name: "not-listed",
  title: "Not listed",
  program: "chaincode-not-listed",
  version: "0",
  image: "chaincode-not-listed.invalid/none:0",
};

const toListedProgram = (operator: OperatorConfig, name: string): ProgramSpec => {
  const { program, version, image } = findChaincode(operator, name) ?? notListed;
  return { name: program, version, image };
};

/** No program of that name is anywhere: a runtime that has only programs says that it is missing. */
const toOwnProgram = (image: string): ProgramSpec => ({
  name: "chaincode-by-image",
  version: parseImageReference(image)?.digest ?? "",
  image,
  isEntrypoint: true,
});

const relayParts = (
  { spec, material, operator }: BlueprintInput,
  node: NodeSpec,
  own: readonly BlueprintPort[],
  source: { address: string; rootCertificate?: string },
): NodeParts => {
  const { forwarderUrl, externalChaincode } = operator;
  const permit = externalChaincode?.permit?.(spec.chainId, source.address);
  const wayOut = forwarderUrl === undefined || permit === undefined ? {} : { wayOut: { forwarderUrl, permit } };
  const hasRoot = source.rootCertificate !== undefined;
  return {
    process: toRelayProcess({ address: source.address, hasRoot, ...wayOut }, own),
    files: toRelayFiles(material, node.name, source.rootCertificate),
    volumes: [],
    resources: relayResources,
    startAfter: [],
  };
};

const chaincodeParts = (input: BlueprintInput, node: NodeSpec, own: readonly BlueprintPort[]): NodeParts => {
  const { spec, material, operator } = input;
  const part = chaincodesOf(spec).find(({ name, isDeleted }) => !isDeleted && chaincodeNodeName(name) === node.name);
  if (part === undefined) throw new Error(`${node.name} runs no chaincode`);
  const { source } = part.settings;
  if (source.kind === "external") return relayParts(input, node, own, source);
  const program = source.kind === "image" ? toOwnProgram(source.image) : toListedProgram(operator, source.name);
  const packaged = chaincodePackageOf(spec, part, input);
  if (packaged === undefined) throw new Error(`the package of ${node.name} can't be made yet`);
  return {
    process: toChaincodeProcess(program, packaged.packageId, own),
    files: toServerFiles(material, node.name),
    volumes: [],
    resources: chaincodeResources,
    startAfter: [],
  };
};

const partsOf = (
  input: BlueprintInput,
  node: NodeSpec,
  own: readonly BlueprintPort[],
  neighbours: readonly NodeSpec[],
): NodeParts => {
  if (node.role === roles.orderer) return ordererParts(input, node, own);
  if (node.role === roles.peer) return peerParts(input, node, own, neighbours);
  return chaincodeParts(input, node, own);
};

/** Orderers of a region, and each organisation's peers: what would be lost together on one machine. */
const toSpread = (spec: ChainSpec, here: readonly NodeSpec[]): Blueprint["spread"] => [
  { group: "orderers", nodes: here.filter(({ role }) => role === roles.orderer).map(({ name }) => name) },
  ...readSettings(spec.settings).organisations.map((organisation) => ({
    group: `peers-${organisation.name}`,
    nodes: peersOf(organisation).filter((name) => here.some((node) => node.name === name)),
  })),
];

/** One blueprint per region of the spec. Pure; throws where material or an address is missing. */
export const toBlueprints = (input: BlueprintInput): { [region: string]: Blueprint } => {
  const { spec, regions, addresses } = input;
  const nodes = topology(spec);
  return toRegionBlueprints({
    ...{ spec, regions, nodes, rendererVersion },
    network: toNetworkRules(nodes),
    toNode: (node, here) => {
      const own = toBlueprintPorts(node, addresses[node.region] ?? []);
      return toNode(spec, node, own, partsOf(input, node, own, here));
    },
    toSpread: (here) => toSpread(spec, here),
  });
};
