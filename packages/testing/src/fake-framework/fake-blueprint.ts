import type {
  AddressesByRegion,
  Blueprint,
  BlueprintNode,
  ChainSpec,
  MaterialItem,
  MaterialRef,
  NodeSpec,
  ProgramSpec,
} from "@portolan/domain";
import type { RegionFacts } from "@portolan/frameworks";

/** A relay's program has another name, so that a machine can be without it. */
const programOf = ({ role }: NodeSpec): ProgramSpec => ({
  name: role === "relay" ? "relay" : "node",
  version: "24",
  image: "docker.io/library/node:24",
});
const script = { file: "fake-node.ts" };
const data = { volume: "data" };

export interface FakeBlueprintInput {
  spec: ChainSpec;
  nodes: readonly NodeSpec[];
  greeting: string;
  newest(name: string): MaterialItem | undefined;
  regions: RegionFacts;
  addresses: AddressesByRegion;
}

const refTo = (item: MaterialItem | undefined, name: string): MaterialRef => {
  if (item === undefined) throw new Error(`material ${name} is missing`);
  return { material: item.name, version: item.version };
};

const toNode = (input: FakeBlueprintInput, node: NodeSpec): BlueprintNode => {
  const addresses = (input.addresses[node.region] ?? []).filter((address) => address.node === node.name);
  const numberOf = (port: string) => String(addresses.find((address) => address.port === port)?.bindNumber ?? 0);
  const host = addresses[0]?.bindHost ?? "127.0.0.1";
  const certificate = refTo(input.newest(`certificate/${node.name}`), node.name);
  const env = { GREETING: input.greeting };
  const program = programOf(node);
  const common = { program, env, stopSignal: "SIGTERM" as const, stopGraceMs: 2_000 };
  return {
    name: node.name,
    role: node.role,
    ordinal: node.ordinal,
    version: input.spec.version,
    processes: [
      {
        ...common,
        name: "node",
        args: [
          script,
          "serve",
          data,
          node.name,
          { file: "genesis.json" },
          { file: "certificate.json" },
          { file: "node.key" },
          host,
          numberOf("status"),
          numberOf("stream"),
        ],
        probe: { kind: "http", port: "status", path: "/status", periodMs: 1_000, timeoutMs: 1_000, startupMs: 10_000 },
        after: [],
      },
      { ...common, name: "scribe", args: [script, "scribe", data], after: ["node"] },
    ],
    init: [{ name: "prepare", program, env: {}, args: [script, "prepare", data], timeoutMs: 10_000 }],
    jobs: [{ key: "seed/1", name: "seed", program, env: {}, args: [script, "seed", data], timeoutMs: 10_000 }],
    files: [
      { name: "fake-node.ts", content: { asset: "fake-node.ts" }, mode: 0o644 },
      { name: "genesis.json", content: { public: refTo(input.newest("genesis"), "genesis") }, mode: 0o644 },
      { name: "certificate.json", content: { public: certificate }, mode: 0o644 },
      { name: "node.key", content: { secret: certificate }, mode: 0o600 },
    ],
    volumes: [{ name: "data", kind: "data", sizeBytes: 1_048_576 }],
    ports: node.ports.map((port) => {
      const address = addresses.find((item) => item.port === port.name);
      const { outsideBy, ...plain } = port;
      return {
        ...plain,
        ...(outsideBy === undefined || address?.outside === undefined ? {} : { outside: address.outside }),
        host: address?.host ?? "",
        number: address?.number ?? 0,
        bindHost: address?.bindHost ?? "",
        bindNumber: address?.bindNumber ?? 0,
      };
    }),
    userId: 1000,
    resources: { cpuMillis: 50, memoryBytes: 67_108_864 },
    startAfter: [],
  };
};

export const toFakeBlueprints = (input: FakeBlueprintInput): { [region: string]: Blueprint } => {
  const regions = [...new Set(input.nodes.map((node) => node.region))];
  return Object.fromEntries(
    regions.map((region) => {
      const nodes = input.nodes.filter((node) => node.region === region);
      const blueprint: Blueprint = {
        chainId: input.spec.chainId,
        placementId: input.regions[region]?.placementId ?? "",
        framework: "fake",
        rendererVersion: 1,
        nodes: nodes.map((node) => toNode(input, node)),
        network: nodes.flatMap((node) => [
          { from: "worker" as const, to: { node: node.name, port: "status" } },
          { from: "gateway" as const, to: { node: node.name, port: "stream" } },
        ]),
        spread: [{ group: "nodes", nodes: nodes.map((node) => node.name) }],
      };
      return [region, blueprint];
    }),
  );
};
