import type { NetworkRule, NodeSpec } from "@portolan/domain";
import { ports, roles } from "./topology.ts";

/** Nodes reach each other where they are peers; the gateway calls RPC nodes and never a baker's; the worker looks after all. */
export const toNetworkRules = (nodes: readonly NodeSpec[]): NetworkRule[] =>
  nodes.flatMap((to): NetworkRule[] => [
    ...nodes
      .filter(({ name }) => name !== to.name)
      .map(({ name, region }) => ({ from: { node: name, region }, to: { node: to.name, port: ports.p2p } })),
    ...(to.role === roles.rpc ? [{ from: "gateway" as const, to: { node: to.name, port: ports.rpc } }] : []),
    { from: "worker", to: { node: to.name, port: ports.rpc } },
  ]);
