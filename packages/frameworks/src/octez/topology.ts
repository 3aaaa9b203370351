import type { ChainSpec, NodeSpec, PortSpec } from "@portolan/domain";
import { readSettings } from "./settings.ts";

export const roles = { baker: "baker", rpc: "rpc" } as const;

/** Names of ports by what they are for. */
export const ports = {
  /** The node's HTTP interface: of RPC nodes for the gateway, of bakers for the plane only. */
  rpc: "rpc",
  /** Where other nodes of the chain connect. */
  p2p: "p2p",
} as const;

const portsOf = (rpc: "admin" | "gateway"): readonly PortSpec[] => [
  { name: ports.rpc, exposure: rpc, protocol: "http" },
  { name: ports.p2p, exposure: "internal", protocol: "tcp" },
];

export const bakerName = (ordinal: number): string => `${roles.baker}-${ordinal}`;

/** The node that activates the protocol: the first baker's. */
export const activationNode = bakerName(0);

const ofRole = (spec: Pick<ChainSpec, "regions">, role: string, count: number, own: readonly PortSpec[]): NodeSpec[] =>
  Array.from({ length: count }, (_, ordinal) => ({
    name: `${role}-${ordinal}`,
    role,
    ordinal,
    region: spec.regions[ordinal % spec.regions.length] ?? "",
    ports: own,
  }));

/** Nodes are dealt out over the regions in turn, each role by itself, so that no region holds a majority by accident. */
export const topology = (spec: Pick<ChainSpec, "settings" | "regions">): NodeSpec[] => {
  const { bakers, rpcNodes } = readSettings(spec.settings);
  return [
    ...ofRole(spec, roles.baker, bakers, portsOf("admin")),
    ...ofRole(spec, roles.rpc, rpcNodes, portsOf("gateway")),
  ];
};
