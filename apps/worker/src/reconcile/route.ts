import type { Condition } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { ChainWork, StoredRoute } from "@portolan/store";
import { servingNodes } from "./conditions.ts";
import type { Desired } from "./desired.ts";

const closed = (work: ChainWork): Pick<StoredRoute, "state" | "reason"> | null => {
  if (work.wish === "deleted" || work.wish === "purged") return { state: "deleted", reason: "The chain is deleted." };
  if (work.wish === "paused") return { state: "paused", reason: "The chain is paused." };
  return null;
};

/**
 * What the gateway is told. It changes, and so gets a new version, whenever a node was started anew or a suspicion
 * was answered: a gateway that lost its connection waits for just that.
 */
export const toRoute = (
  work: ChainWork,
  framework: Framework,
  desired: Desired,
  conditions: readonly Condition[],
  now: Date,
): StoredRoute => {
  const facts: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(work.view?.facts ?? {}))
    if (typeof value === "string") facts[name] = value;
  const shut = closed(work);
  if (shut !== null) return { ...shut, targets: {}, facts };

  const endpoint = conditions.find((condition) => condition.type === "endpointReady");
  if (endpoint?.status !== "true") {
    return {
      state: work.hasRun && work.observedGeneration >= work.generation ? "unhealthy" : "starting",
      reason: endpoint?.message ?? "",
      targets: {},
      facts,
    };
  }
  // A suspicion stands until every placement has looked again since.
  const suspectedAt = work.suspectedAt;
  if (
    suspectedAt !== null &&
    work.placements.some((placement) => placement.reportedAt === null || placement.reportedAt <= suspectedAt)
  ) {
    return { state: "unhealthy", reason: "A node broke its connections; it is being looked at.", targets: {}, facts };
  }
  const serving = servingNodes(work, desired, now);
  const targets: { [protocol: string]: StoredRoute["targets"][string] } = {};
  for (const protocol of framework.protocols) {
    targets[protocol.name] = work.placements.flatMap((placement) =>
      placement.addresses
        .filter((address) => address.port === protocol.port && serving.has(address.node))
        .filter((address) => desired.nodes.some((node) => node.name === address.node && node.role === protocol.role))
        .map((address) => ({
          region: placement.region,
          node: address.node,
          port: address.port,
          host: address.routeHost ?? address.host,
          number: address.number,
          ...(address.routeHost === undefined ? {} : { name: address.host }),
        })),
    );
  }
  for (const placement of work.placements) {
    for (const node of placement.observation?.nodes ?? []) facts[`incarnation.${node.node}`] = String(node.incarnation);
  }
  if (suspectedAt !== null) facts["confirmedSince"] = suspectedAt.toISOString();
  return { state: "open", reason: "", targets, facts };
};
