import type {
  AddressesByRegion,
  Blueprint,
  BlueprintNode,
  ChainSpec,
  FileSpec,
  MaterialItem,
  NodeSpec,
} from "@portolan/domain";
import type { RegionFacts } from "../framework.ts";
import { toBlueprintPorts } from "../node-ports.ts";
import { toRegionBlueprints } from "../region-blueprints.ts";
import { materialNames } from "./names.ts";
import { toNetworkRules } from "./network-rules.ts";
import { renderPermissions } from "./permissions.ts";
import { limitsOf } from "./plans.ts";
import { files, toBesuProcess } from "./process.ts";
import { readSettings } from "./settings.ts";
import { renderStaticNodes, toEnodes } from "./static-nodes.ts";
import { roles, topology } from "./topology.ts";

export const rendererVersion = 1;

/** Everything that a Besu blueprint is a function of. */
interface BlueprintInput {
  spec: ChainSpec;
  material: readonly MaterialItem[];
  regions: RegionFacts;
  addresses: AddressesByRegion;
}

const toFiles = (
  { spec, material, addresses }: BlueprintInput,
  node: NodeSpec,
  all: readonly NodeSpec[],
): FileSpec[] => {
  const others = all.filter(({ name }) => name !== node.name);
  const permissions = renderPermissions(readSettings(spec.settings), toEnodes(all, material, addresses));
  return [
    {
      name: files.genesis,
      content: { public: { material: materialNames.genesis, version: 1, field: "genesis" } },
      mode: 0o644,
    },
    { name: files.key, content: { secret: { material: materialNames.nodeKey(node.name), version: 1 } }, mode: 0o600 },
    {
      name: files.staticNodes,
      content: { text: renderStaticNodes(toEnodes(others, material, addresses)) },
      mode: 0o644,
      // A new node dials those that are there.
      isForNextStart: true,
    },
    ...(permissions === undefined
      ? []
      : [{ name: files.permissions, content: { text: permissions }, mode: 0o644 } satisfies FileSpec]),
  ];
};

const toNode = (input: BlueprintInput, node: NodeSpec, all: readonly NodeSpec[]): BlueprintNode => {
  const { spec, addresses } = input;
  const { cpuMillis, memoryBytes, storageBytes } = limitsOf(spec);
  const own = toBlueprintPorts(node, addresses[node.region] ?? []);
  const validators = all.filter(({ role, region }) => role === roles.validator && region === node.region);
  return {
    name: node.name,
    role: node.role,
    ordinal: node.ordinal,
    version: spec.version,
    processes: [toBesuProcess(spec, node.role, own)],
    init: [],
    jobs: [],
    files: toFiles(input, node, all),
    volumes: [{ name: "data", kind: "data", sizeBytes: storageBytes }],
    ports: own,
    userId: 1000,
    resources: { cpuMillis, memoryBytes },
    startAfter: node.role === roles.rpc ? validators.map(({ name }) => name) : [],
  };
};

/** Nodes of one role that would be lost together on one machine. */
const toSpread = (here: readonly NodeSpec[]): Blueprint["spread"] =>
  Object.values(roles).map((role) => ({
    group: role,
    nodes: here.filter((node) => node.role === role).map(({ name }) => name),
  }));

/** One blueprint per region of the spec. Pure; throws where material or an address is missing. */
export const toBlueprints = (input: BlueprintInput): { [region: string]: Blueprint } => {
  const { spec, regions } = input;
  const nodes = topology(spec);
  return toRegionBlueprints({
    ...{ spec, regions, nodes, rendererVersion, toSpread },
    network: toNetworkRules(nodes),
    toNode: (node) => toNode(input, node, nodes),
  });
};
