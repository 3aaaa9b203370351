import type { ChainView } from "@portolan/domain";
import type { StoredRoute } from "./chain-work.ts";

/** The route without these nodes; closed when a protocol has none left. */
export const withoutNodes = (route: StoredRoute, region: string, nodes: readonly string[]): StoredRoute => {
  const targets = Object.fromEntries(
    Object.entries(route.targets).map(([protocol, list]) => [
      protocol,
      list.filter((target) => target.region !== region || !nodes.includes(target.node)),
    ]),
  );
  const isServed = Object.values(targets).every((list) => list.length > 0);
  return isServed
    ? { ...route, targets }
    : { ...route, state: "unhealthy", reason: "A node is being started again.", targets: {} };
};

/** The view with these nodes unwell until they are looked at again. */
export const withUnwellNodes = (view: ChainView, names: readonly string[]): ChainView => ({
  ...view,
  nodes: Object.fromEntries(
    Object.entries(view.nodes).map(([name, node]) => [
      name,
      names.includes(name) ? { ...node, healthy: false, reason: "being started again" } : node,
    ]),
  ),
});
