import type { ChainSpec, NodeSpec, PortSpec } from "@portolan/domain";
import { sizeOf } from "./plans.ts";
import { readSettings } from "./settings.ts";

export const roles = { validator: "validator", rpc: "rpc" } as const;

/** Names of ports by what they are for. */
export const ports = {
  /** JSON-RPC over HTTP, with the probes' paths. On validators it has the votes, so that it is the worker's alone. */
  rpc: "rpc",
  /** RLPx among the chain's own nodes. Discovery, which would be UDP, is off: every node knows its neighbours. */
  p2p: "p2p",
} as const;

const portsOf = (exposure: PortSpec["exposure"], isShown: boolean): readonly PortSpec[] => [
  { name: ports.rpc, exposure, protocol: "http" },
  { name: ports.p2p, exposure: "internal", protocol: "tcp", ...(isShown ? { outsideBy: "port" } : {}) },
];

export const validatorName = (ordinal: number): string => `${roles.validator}-${ordinal}`;

/** Numbers of the validators in use: the first `validators` that were not retired. */
export const validatorOrdinals = (spec: Pick<ChainSpec, "settings" | "plan">): number[] => {
  const { retiredValidators } = readSettings(spec.settings);
  const { validators: count } = sizeOf(spec);
  const ordinals: number[] = [];
  for (let ordinal = 0; ordinals.length < count; ordinal++)
    if (!retiredValidators.includes(ordinal)) ordinals.push(ordinal);
  return ordinals;
};

/** Numbers of validators that are not wished any more and run on until they are voted out. */
export const leavingOrdinals = (spec: Pick<ChainSpec, "leaving">): number[] =>
  (spec.leaving ?? []).flatMap((name) => {
    const found = /^validator-(\d+)$/.exec(name)?.[1];
    return found === undefined ? [] : [Number(found)];
  });

const regionAt = (spec: Pick<ChainSpec, "regions">, index: number): string =>
  spec.regions[index % spec.regions.length] ?? "";

/** Nodes are dealt out over the regions in turn, each role by itself, so that no region holds a quorum by accident. */
export const topology = (spec: ChainSpec): NodeSpec[] => {
  const toNode = (role: string, nodePorts: readonly PortSpec[], ordinal: number): NodeSpec => ({
    name: `${role}-${ordinal}`,
    role,
    ordinal,
    region: regionAt(spec, ordinal),
    ports: nodePorts,
  });
  const { outside = [] } = readSettings(spec.settings);
  const validatorPorts = portsOf("admin", outside.includes("validators"));
  const rpcPorts = portsOf("gateway", outside.includes("rpc"));
  return [
    ...[...new Set([...validatorOrdinals(spec), ...leavingOrdinals(spec)])]
      .sort((a, b) => a - b)
      .map((ordinal) => toNode(roles.validator, validatorPorts, ordinal)),
    ...Array.from({ length: sizeOf(spec).rpcNodes }, (_, ordinal) => toNode(roles.rpc, rpcPorts, ordinal)),
  ];
};
