import type { NetworkRule, NodeSpec } from "@portolan/domain";
import { ports, roles } from "./topology.ts";

/**
 * Who may talk to whom. Orderers: each other, and peers that fetch blocks or hand in transactions. Peers: each other
 * (gossip, endorsement for a gateway). Chaincode: peers. The worker looks after all of them.
 */
export const toNetworkRules = (nodes: readonly NodeSpec[]): NetworkRule[] => {
  const of = (role: string): readonly NodeSpec[] => nodes.filter((node) => node.role === role);
  const members = [...of(roles.orderer), ...of(roles.peer)];
  const between = (from: readonly NodeSpec[], to: NodeSpec): NetworkRule[] =>
    from
      .filter(({ name }) => name !== to.name)
      .map(({ name, region }) => ({ from: { node: name, region }, to: { node: to.name, port: ports.grpc } }));
  const worker = (node: NodeSpec, port: string): NetworkRule => ({ from: "worker", to: { node: node.name, port } });
  return [
    ...of(roles.orderer).flatMap((node) => [
      ...between(members, node),
      worker(node, ports.grpc),
      worker(node, ports.admin),
      worker(node, ports.operations),
    ]),
    ...of(roles.peer).flatMap((node): NetworkRule[] => [
      ...between(of(roles.peer), node),
      { from: "gateway", to: { node: node.name, port: ports.grpc } },
      worker(node, ports.grpc),
      worker(node, ports.operations),
    ]),
    ...of(roles.chaincode).flatMap((node) => [
      ...between(of(roles.peer), node),
      ...node.ports.map(({ name }) => worker(node, name)),
    ]),
  ];
};
