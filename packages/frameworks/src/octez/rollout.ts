import type { NodeSpec } from "@portolan/domain";
import type { Framework } from "../framework.ts";
import { roles } from "./topology.ts";

type RolloutInput = Parameters<Framework["rollout"]>[0];

const ofRole = (nodes: readonly NodeSpec[], role: string): NodeSpec[] => nodes.filter((node) => node.role === role);

/** One RPC node while all others of them are well; where it is the only one, there is nobody to wait for. */
const nextRpc = (nodes: readonly NodeSpec[], wanted: ReadonlySet<string>, healthy: ReadonlySet<string>): string[] => {
  const all = ofRole(nodes, roles.rpc);
  const [next] = all.filter(({ name }) => wanted.has(name));
  return next !== undefined && all.every(({ name }) => healthy.has(name)) ? [next.name] : [];
};

/**
 * Nodes that may be changed now: new ones at once, those that are not well before the others; of those that are well one
 * at a time, bakers before RPC nodes, an RPC node only while every baker is well. While most bakers bake, one that is not
 * well is changed alone, because it may only have been slow to answer; below that there is nothing to keep. What only a new release of Portolan writes differently restarts nothing that is well. Before anything
 * was seen nobody is known to be well or not, and what runs is left alone.
 */
export const rollout = (input: RolloutInput): string[] => {
  const { nodes, changed, fresh, view } = input;
  if (view === null) return [...fresh];
  const healthy = new Set(input.healthy);
  const wanted = new Set(
    changed.filter(({ node, isRendererOnly }) => !isRendererOnly || !healthy.has(node)).map(({ node }) => node),
  );
  const bakers = ofRole(nodes, roles.baker);
  const areMostBaking = bakers.filter(({ name }) => healthy.has(name)).length * 2 > bakers.length;
  const unwell = nodes.filter(({ name }) => wanted.has(name) && !healthy.has(name));
  const unwellBakers = ofRole(unwell, roles.baker);
  const atOnce = [
    ...fresh,
    ...(areMostBaking ? unwellBakers.slice(0, 1) : unwellBakers).map(({ name }) => name),
    ...ofRole(unwell, roles.rpc).map(({ name }) => name),
  ];
  if (!bakers.every(({ name }) => healthy.has(name))) return atOnce;
  // Of three the chain goes on without one; of fewer it waits until that is back.
  const baker = bakers.find(({ name }) => wanted.has(name));
  return [...atOnce, ...(baker === undefined ? nextRpc(nodes, wanted, healthy) : [baker.name])];
};
