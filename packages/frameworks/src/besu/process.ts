import { isIP } from "node:net";
import type { BlueprintPort, ChainSpec, PathRef, ProcessSpec, Text } from "@portolan/domain";
import { permissionsOf } from "./permissions.ts";
import { limitsOf } from "./plans.ts";
import { readSettings } from "./settings.ts";
import { ports, roles } from "./topology.ts";

export const files = {
  genesis: "genesis.json",
  key: "node.key",
  staticNodes: "static-nodes.json",
  permissions: "permissions.toml",
} as const;

/** RocksDB, code and threads have the rest. */
const heapShare = 0.6;
const mebibyte = 1_048_576;

const portOf = (own: readonly BlueprintPort[], name: string): BlueprintPort => {
  const found = own.find((port) => port.name === name);
  if (found === undefined) throw new Error(`the node has no port ${name}`);
  return found;
};

const flag = (name: string, value: string | number | boolean | PathRef): Text =>
  typeof value === "object" ? [`--${name}=`, value] : `--${name}=${value}`;

/**
 * What Besu advertises must be an IP address; without one it looks for its machine's own. Nobody asks for it: discovery is
 * off and the others dial what their files say.
 */
const p2pFlags = (p2p: BlueprintPort): Text[] => [
  ...(isIP(p2p.host) === 0 ? [] : [flag("p2p-host", p2p.host)]),
  flag("p2p-interface", p2p.bindHost),
  flag("p2p-port", p2p.bindNumber),
  flag("discovery-enabled", false),
  // Automatic, it would ask a cluster's API server or a router.
  flag("nat-method", "NONE"),
  flag("static-nodes-file", { file: files.staticNodes }),
  // A name that has another address after a restart is looked up again.
  flag("Xdns-enabled", true),
  flag("Xdns-update-enabled", true),
];

/** Votes and neighbours are the worker's to ask, at validators; nobody reaches these names at a node that tenants call. */
const namespacesOf = (role: string): string => (role === roles.validator ? "ETH,NET,WEB3,QBFT,ADMIN" : "ETH,NET,WEB3");

const rpcFlags = (role: string, rpc: BlueprintPort, gasCap: number): Text[] => [
  flag("rpc-http-enabled", true),
  flag("rpc-http-host", rpc.bindHost),
  flag("rpc-http-port", rpc.bindNumber),
  flag("rpc-http-api", namespacesOf(role)),
  // By its name a node is asked under several, the kubelet's among them; on loopback a page in a browser must not do so.
  flag("host-allowlist", isIP(rpc.host) === 0 ? "*" : rpc.host),
  flag("rpc-max-logs-range", 5_000),
  flag("rpc-gas-cap", gasCap),
];

const permissionFlags = (spec: ChainSpec): Text[] => {
  const { accounts, nodes } = permissionsOf(readSettings(spec.settings));
  const of = (list: string): Text[] => [
    flag(`permissions-${list}-config-file-enabled`, true),
    flag(`permissions-${list}-config-file`, { file: files.permissions }),
  ];
  return [...(accounts ? of("accounts") : []), ...(nodes ? of("nodes") : [])];
};

/** Flags of Besu 26; the profile keeps whole states (FOREST), since QBFT was seen to stop on Bonsai's. */
const argsOf = (spec: ChainSpec, role: string, own: readonly BlueprintPort[]): Text[] => {
  const { gasLimit } = readSettings(spec.settings);
  return [
    "--profile=ENTERPRISE",
    flag("data-path", { volume: "data", path: "besu" }),
    flag("genesis-file", { file: files.genesis }),
    flag("node-private-key-file", { file: files.key }),
    ...p2pFlags(portOf(own, ports.p2p)),
    ...rpcFlags(role, portOf(own, ports.rpc), gasLimit),
    ...permissionFlags(spec),
    flag("min-gas-price", 0),
    flag("target-gas-limit", gasLimit),
    flag("color-enabled", false),
    flag("logging", "INFO"),
  ];
};

/** One Besu. */
export const toBesuProcess = (spec: ChainSpec, role: string, own: readonly BlueprintPort[]): ProcessSpec => ({
  name: "besu",
  program: { name: "besu", version: spec.version, image: `docker.io/hyperledger/besu:${spec.version}` },
  args: argsOf(spec, role, own),
  env: { BESU_OPTS: `-Xmx${Math.floor((limitsOf(spec).memoryBytes * heapShare) / mebibyte)}m` },
  // Not `/readiness`: it wants peers and a head that is near theirs, and a node that waits for others is no node that
  // fails. Whether it keeps up is for `inspect` to say.
  probe: {
    kind: "http",
    port: ports.rpc,
    path: "/liveness",
    periodMs: 5_000,
    timeoutMs: 5_000,
    startupMs: 120_000,
  },
  after: [],
  stopSignal: "SIGTERM",
  // It writes its database to the end.
  stopGraceMs: 60_000,
});
