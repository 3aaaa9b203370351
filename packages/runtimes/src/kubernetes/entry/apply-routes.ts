import type { Blueprint } from "@portolan/domain";
import type { KubeObject, ServiceObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { toNodeObjectName } from "../names.ts";
import { renderEntryEgress, toRoutes } from "./render-outside.ts";

/** A node's service's own address: it is reserved before anything is applied. */
const addressOf = (turn: WriteTurn, node: string): string | undefined => {
  const found = turn.cache.find(kinds.Service, turn.namespace, toNodeObjectName(node)) as ServiceObject | undefined;
  return found?.spec?.clusterIP;
};

/** Takes a placement's routes and the entry's way to it away. */
export const removeRoutes = async (turn: WriteTurn): Promise<void> => {
  if (turn.state.hasRoutes === undefined) return;
  await turn.step("routes.delete");
  // An entry that the region has no more is its operator's to clear away, routes and all.
  if (turn.settings.entry !== undefined) await turn.entry.remove(turn.namespace);
  delete turn.state.hasRoutes;
  await turn.save();
};

/** Lets the region's entry hand callers on to the ports that the blueprint shows outside, and to no other. */
export const applyRoutes = async (turn: WriteTurn, blueprint: Blueprint): Promise<void> => {
  const egress = renderEntryEgress(turn.placement, turn.namespace, blueprint, turn.settings);
  if (egress === undefined) return removeRoutes(turn);
  const routes = JSON.stringify(toRoutes(blueprint, (node) => addressOf(turn, node)));
  if (turn.state.hasRoutes === true && turn.entry.has(turn.namespace, routes)) return;
  if (turn.state.hasRoutes === undefined) {
    turn.state.hasRoutes = true;
    await turn.save();
  }
  await turn.entry.ensure();
  await turn.step("routes.apply");
  await turn.entry.allow(egress as KubeObject);
  await turn.step("routes.apply");
  await turn.entry.put(turn.namespace, routes);
};
