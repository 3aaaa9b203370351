import type {
  AddressesByRegion,
  Blueprint,
  BlueprintNode,
  ChainSpec,
  MaterialItem,
  NodeAddress,
  NodeSpec,
  ProcessSpec,
  Text,
} from "@portolan/domain";
import type { RegionFacts } from "../framework.ts";
import { reservedAddress, toBlueprintPorts } from "../node-ports.ts";
import type { OperatorConfig } from "../operator-config.ts";
import { materialNames } from "./material.ts";
import { limitsOf } from "./plans.ts";
import { evmChainId, readSettings } from "./settings.ts";
import { ports, topology } from "./topology.ts";

export const rendererVersion = 1;
const dataVolume = "data";
const genesisFile = "genesis.json";
const keeperFile = "state-keeper.mjs";

/** What a program of the same node dials when the other listens on every address. */
const toLoopback = (bindHost: string): string =>
  bindHost === "0.0.0.0" ? "127.0.0.1" : bindHost === "::" ? "[::1]" : bindHost;

const forkArgs = (spec: ChainSpec, operator: OperatorConfig): string[] => {
  const { fork } = readSettings(spec.settings);
  if (fork === undefined) return [];
  // The forwarder's address, never the network's own: that may carry the operator's credential.
  if (operator.forwarderUrl === undefined) throw new Error("forking is not offered: there is no forwarder");
  const url = `${operator.forwarderUrl.replace(/\/+$/, "")}/${fork.network}`;
  return ["--fork-url", url, "--fork-block-number", String(fork.blockNumber), "--no-storage-caching"];
};

const anvilArgs = (spec: ChainSpec, rpc: NodeAddress, operator: OperatorConfig): Text[] => {
  const settings = readSettings(spec.settings);
  const limits = limitsOf(spec);
  const block = settings.blockTimeSeconds === 0 ? [] : ["--block-time", String(settings.blockTimeSeconds)];
  return [
    // The banner would print the unlocked accounts into the log.
    "--quiet",
    "--host",
    rpc.bindHost,
    "--port",
    String(rpc.bindNumber),
    "--init",
    { file: genesisFile },
    // No accounts but those of the genesis: the default ones have keys that the whole world knows.
    "--accounts",
    "0",
    "--chain-id",
    String(evmChainId(spec)),
    "--hardfork",
    settings.hardfork,
    "--gas-limit",
    String(settings.gasLimit),
    "--block-base-fee-per-gas",
    String(settings.baseFeeWei),
    // Both bound what grows with every block: states in memory (none goes to disk) and old transactions.
    "--prune-history",
    String(limits.historyBlocks),
    "--transaction-block-keeper",
    String(limits.transactionBlocks),
    // A kept state of more than 2 MB has to go in again by `anvil_loadState`; the gateway bounds what tenants send.
    "--no-request-size-limit",
    // Browsers come through the gateway, which answers their preflights.
    "--no-cors",
    ...block,
    ...forkArgs(spec, operator),
  ];
};

const processesOf = (spec: ChainSpec, addresses: readonly NodeAddress[], node: NodeSpec, operator: OperatorConfig) => {
  const rpc = reservedAddress(addresses, node.name, ports.rpc);
  const keeper = reservedAddress(addresses, node.name, ports.keeper);
  const anvil: ProcessSpec = {
    name: "anvil",
    program: { name: "anvil", version: spec.version, image: `ghcr.io/foundry-rs/foundry:v${spec.version}` },
    args: anvilArgs(spec, rpc, operator),
    // What contracts say by `console.log`, without a line for every call. Whole targets only: anvil takes no levels.
    env: { RUST_LOG: "node::console,anvil::cmd", NO_COLOR: "1" },
    probe: {
      kind: "rpc",
      port: ports.rpc,
      body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}',
      periodMs: 2_000,
      timeoutMs: 5_000,
      startupMs: 20_000,
    },
    after: [],
    stopSignal: "SIGTERM",
    stopGraceMs: 10_000,
  };
  const stateKeeper: ProcessSpec = {
    name: "state-keeper",
    program: { name: "node", version: "24", image: "docker.io/library/node:24-bookworm-slim" },
    args: [
      { file: keeperFile },
      "--rpc",
      `http://${toLoopback(rpc.bindHost)}:${rpc.bindNumber}`,
      "--host",
      keeper.bindHost,
      "--port",
      String(keeper.bindNumber),
      "--directory",
      { volume: dataVolume },
      "--interval-ms",
      String(limitsOf(spec).stateIntervalSeconds * 1_000),
    ],
    env: {},
    probe: { kind: "http", port: ports.keeper, path: "/status", periodMs: 5_000, timeoutMs: 5_000, startupMs: 20_000 },
    after: ["anvil"],
    // A new chain has no state to load. Where there is one, `inspect` waits for it.
    isAuxiliary: true,
    stopSignal: "SIGTERM",
    // The last dump of a large state takes seconds.
    stopGraceMs: 30_000,
  };
  return [anvil, stateKeeper];
};

const toBlueprintNode = (
  spec: ChainSpec,
  node: NodeSpec,
  addresses: readonly NodeAddress[],
  genesis: MaterialItem,
  operator: OperatorConfig,
): BlueprintNode => {
  const limits = limitsOf(spec);
  return {
    name: node.name,
    role: node.role,
    ordinal: node.ordinal,
    version: spec.version,
    processes: processesOf(spec, addresses, node, operator),
    init: [],
    jobs: [],
    files: [
      {
        name: genesisFile,
        content: { secret: { material: genesis.name, version: genesis.version } },
        mode: 0o600,
      },
      { name: keeperFile, content: { asset: keeperFile }, mode: 0o644 },
    ],
    volumes: [{ name: dataVolume, kind: "data", sizeBytes: limits.storageBytes }],
    ports: toBlueprintPorts(node, addresses),
    userId: 1000,
    resources: { cpuMillis: limits.cpuMillis, memoryBytes: limits.memoryBytes },
    startAfter: [],
  };
};

/** One node in one region. Pure. */
export const renderBlueprint = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  context: { regions: RegionFacts; addresses: AddressesByRegion; operator: OperatorConfig },
): { [region: string]: Blueprint } => {
  const genesis = material.find((item) => item.name === materialNames.genesis);
  if (genesis === undefined) throw new Error("the genesis has not been made");
  const [node] = topology(spec);
  if (node === undefined) return {};
  const region = context.regions[node.region];
  if (region === undefined) throw new Error(`nothing is known of region ${node.region}`);
  const addresses = context.addresses[node.region] ?? [];
  return {
    [node.region]: {
      chainId: spec.chainId,
      placementId: region.placementId,
      framework: "anvil",
      rendererVersion,
      nodes: [toBlueprintNode(spec, node, addresses, genesis, context.operator)],
      network: [
        { from: "gateway", to: { node: node.name, port: ports.rpc } },
        { from: "worker", to: { node: node.name, port: ports.rpc } },
        { from: "worker", to: { node: node.name, port: ports.keeper } },
      ],
      spread: [],
    },
  };
};
