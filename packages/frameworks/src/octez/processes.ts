import type { BlueprintPort, ChainSpec, InitSpec, PathRef, ProcessSpec, ProgramSpec, Text } from "@portolan/domain";
import { clientFile, clientFileNames } from "./config/client-files.ts";
import { octezImage } from "./programs.ts";
import { readSettings } from "./settings.ts";
import { ports } from "./topology.ts";

export const dataVolume = "data";
/** Beside each other on the node's volume: the node's own directory, and that of the client, which a baker writes too. */
export const nodeDirectory: PathRef = { volume: dataVolume, path: "node" };
const clientDirectory: PathRef = { volume: dataVolume, path: "client" };

export const fileNames = { config: "config.json", identity: "identity.json", links: "link-files.mjs" } as const;

const program = (name: string, { version }: Pick<ChainSpec, "version">): ProgramSpec => ({
  name,
  version,
  image: octezImage(version),
});

/** Puts links to the node's own files where Octez looks for them. */
export const toLinks = (isBaker: boolean): InitSpec => {
  const link = (at: string, file: string): Text[] => [{ volume: dataVolume, path: at }, { file }];
  return {
    name: "link-files",
    program: { name: "node", version: "24", image: "docker.io/library/node:24-bookworm-slim" },
    args: [
      { file: fileNames.links },
      ...link(`node/${fileNames.identity}`, fileNames.identity),
      ...(isBaker ? clientFileNames.flatMap((name) => link(`client/${name}`, clientFile(name))) : []),
    ],
    env: {},
    timeoutMs: 30_000,
  };
};

/** A baker's node keeps what baking needs; what applications may ask of the past is the RPC nodes' to have. */
const historyOf = (spec: Pick<ChainSpec, "settings">, isBaker: boolean): string => {
  const { historyMode, historyCycles } = readSettings(spec.settings);
  if (isBaker) return "rolling:1";
  return historyMode === "archive" ? historyMode : `${historyMode}:${historyCycles}`;
};

/** At once, whatever its neighbours do: bakers must go on where all of them were stopped. RPC nodes follow one of them. */
const neighboursToAgree = (isBaker: boolean): string => (isBaker ? "0" : "1");

/** The node itself. */
export const toNodeProcess = (spec: ChainSpec, isBaker: boolean): ProcessSpec => ({
  name: "node",
  program: program("octez-node", spec),
  args: [
    "run",
    "--config-file",
    { file: fileNames.config },
    "--data-dir",
    nodeDirectory,
    "--history-mode",
    historyOf(spec, isBaker),
    // Which changes it can make is looked at before (`reviewUpdate`); without it the node refuses each and does not start.
    ...(isBaker ? [] : ["--force-history-mode-switch"]),
    "--synchronisation-threshold",
    neighboursToAgree(isBaker),
  ],
  env: {},
  // That it listens. Whether it follows the chain is for `inspect`: Octez' own words for that are not to be relied on.
  probe: {
    kind: "http",
    port: ports.rpc,
    path: "/version",
    periodMs: 5_000,
    timeoutMs: 5_000,
    // It may have a store to repair, or Zcash's parameters to load.
    startupMs: 180_000,
  },
  after: [],
  stopSignal: "SIGTERM",
  stopGraceMs: 120_000,
});

/** What the node's own programs dial where it listens on every address. */
const toLoopback = (host: string): string => (host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host);

/**
 * Makes blocks with the node's key, called as the node is. It waits by itself until a protocol is activated. No data
 * availability: a private chain has nobody who would publish to it.
 */
export const toBakerProcess = (spec: ChainSpec, node: string, own: readonly BlueprintPort[]): ProcessSpec => {
  const rpc = own.find(({ name }) => name === ports.rpc);
  if (rpc === undefined) throw new Error(`${node} has no port ${ports.rpc}`);
  return {
    name: "baker",
    program: program("octez-baker", spec),
    args: [
      "--base-dir",
      clientDirectory,
      "--endpoint",
      `http://${toLoopback(rpc.bindHost)}:${rpc.bindNumber}`,
      "run",
      "with",
      "local",
      "node",
      nodeDirectory,
      node,
      "--liquidity-baking-toggle-vote",
      "pass",
      "--without-dal",
    ],
    // The warning that this is no public network would be said at each start.
    env: { TEZOS_CLIENT_UNSAFE_DISABLE_DISCLAIMER: "Y" },
    after: ["node"],
    // The node serves without it; that blocks come is what `inspect` looks at.
    isAuxiliary: true,
    stopSignal: "SIGTERM",
    stopGraceMs: 30_000,
  };
};
