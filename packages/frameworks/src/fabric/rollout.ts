import type { ChainView, NodeSpec } from "@portolan/domain";
import type { Framework } from "../framework.ts";
import { channelsOfNode } from "./facts.ts";
import { roles } from "./topology.ts";

type RolloutInput = Parameters<Framework["rollout"]>[0];

/** A restart in this order is least felt: consensus first, then what depends on it. */
const order: readonly string[] = [roles.orderer, roles.peer, roles.chaincode];

/** Channels that the orderer leads: to be elected anew costs each of them seconds, so leaders come last. */
const ledChannels = (view: ChainView | null, node: string): number =>
  Object.values(channelsOfNode(view, node)).filter(({ isLeader }) => isLeader === true).length;

/**
 * Whose health a node of the role waits for. An orderer waits for the other orderers, so that with three or more of them
 * a majority stays (one of one has nobody to wait for); a peer for orderers and all peers, whose endorsements may be
 * needed; chaincode for no others, because a tenant's program that fails must not keep certificates from being renewed.
 */
const waitsFor: { readonly [role: string]: readonly string[] } = {
  [roles.orderer]: [roles.orderer],
  [roles.peer]: [roles.orderer, roles.peer],
  [roles.chaincode]: [],
};

const nextOf = (
  role: string,
  wanted: readonly NodeSpec[],
  { nodes, healthy, view }: Pick<RolloutInput, "nodes" | "healthy" | "view">,
): string[] => {
  const guards = nodes.filter((node) => waitsFor[role]?.includes(node.role));
  if (!guards.every(({ name }) => healthy.includes(name))) return [];
  const led = new Map(wanted.map(({ name }) => [name, ledChannels(view, name)]));
  const [first] = wanted.toSorted((a, b) => (led.get(a.name) ?? 0) - (led.get(b.name) ?? 0));
  return first === undefined ? [] : [first.name];
};

/**
 * Those that are not well have little to lose. Orderers go one at a time even so while a majority is well: one that was
 * only slow to answer would else go down beside another.
 */
const unwell = (wanted: readonly NodeSpec[], { nodes, healthy }: Pick<RolloutInput, "nodes" | "healthy">): string[] => {
  const names = wanted.filter(({ name }) => !healthy.includes(name));
  const all = nodes.filter(({ role }) => role === roles.orderer);
  const isMajorityWell = all.filter(({ name }) => healthy.includes(name)).length * 2 > all.length;
  const orderers = names.filter(({ role }) => role === roles.orderer);
  const others = names.filter(({ role }) => role !== roles.orderer);
  return [...(isMajorityWell ? orderers.slice(0, 1) : orderers), ...others].map(({ name }) => name);
};

/**
 * Nodes that may be changed now. New ones at once; those that are not well before the others. Of those that are well one
 * at a time, orderers before peers before chaincode, an orderer that leads channels last, and only while the rest is
 * well. What only a new release of Portolan writes differently restarts nothing that is well. Before anything was seen
 * of the network nobody is known to be well or not, and what runs is left alone.
 */
export const rollout = (input: RolloutInput): string[] => {
  const { nodes, changed, fresh, healthy, view } = input;
  if (view === null) return [...fresh];
  const isHealthy = (name: string): boolean => healthy.includes(name);
  const wanted = changed.filter(({ node, isRendererOnly }) => !isRendererOnly || !isHealthy(node));
  const wantedNodes = nodes.filter(({ name }) => wanted.some(({ node }) => node === name));
  const atOnce = [...fresh, ...unwell(wantedNodes, input)];
  const well = wantedNodes.filter(({ name }) => isHealthy(name));
  const role = order.find((each) => well.some((node) => node.role === each));
  if (role === undefined) return atOnce;
  return [
    ...atOnce,
    ...nextOf(
      role,
      well.filter((node) => node.role === role),
      input,
    ),
  ];
};
