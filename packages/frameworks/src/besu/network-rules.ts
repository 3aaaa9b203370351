import type { NetworkRule, NodeSpec } from "@portolan/domain";
import { ports, roles } from "./topology.ts";

/** Every node speaks with every other; the gateway with RPC nodes only, the worker with all. */
export const toNetworkRules = (nodes: readonly NodeSpec[]): NetworkRule[] =>
  nodes.flatMap((to): NetworkRule[] => [
    ...nodes
      .filter(({ name }) => name !== to.name)
      .map(
        ({ name, region }): NetworkRule => ({ from: { node: name, region }, to: { node: to.name, port: ports.p2p } }),
      ),
    ...(to.role === roles.rpc
      ? [{ from: "gateway", to: { node: to.name, port: ports.rpc } } satisfies NetworkRule]
      : []),
    { from: "worker", to: { node: to.name, port: ports.rpc } },
  ]);
