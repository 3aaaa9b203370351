import { type Blueprint, type BlueprintNode, toNodeHash } from "@portolan/domain";
import type { PlacementRef } from "../../runtime.ts";
import { renderOutsidePolicies } from "../entry/render-outside.ts";
import { toNodeObjectName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type KeptClaim, renderLimitRange, renderQuota } from "./limits.ts";
import { renderNamespace } from "./namespace.ts";
import { renderPolicies, toPeerNotes } from "./network.ts";
import { renderNode } from "./node.ts";
import { toNotes } from "./notes.ts";
import { toRefusal } from "./refusal.ts";
import type { RenderedPlacement } from "./rendered.ts";
import { renderBudgets } from "./spread.ts";

const check = (placement: PlacementRef, blueprint: Blueprint): void => {
  if (blueprint.placementId !== placement.placementId || blueprint.chainId !== placement.chainId)
    throw toRefusal(
      "The blueprint is another placement's.",
      `${blueprint.placementId} of ${blueprint.chainId} for ${placement.placementId} of ${placement.chainId}`,
    );
  const names = blueprint.nodes.map(({ name }) => toNodeObjectName(name));
  if (new Set(names).size !== names.length) throw toRefusal("Two nodes of the blueprint have one name.");
};

/**
 * A placement's blueprint as the objects of a cluster. Pure; secrets, public material and assets are references until
 * `fillSecrets`. `kept`: claims that are there and that the blueprint has no more; the quota leaves them their room.
 * Throws a DomainError where a cluster can't have such a node.
 */
export const renderPlacement = (
  placement: PlacementRef,
  blueprint: Blueprint,
  settings: KubernetesSettings,
  kept: readonly KeptClaim[] = [],
): RenderedPlacement => {
  check(placement, blueprint);
  const network = { placement, blueprint, settings };
  const toEntry = (node: BlueprintNode) =>
    [node.name, renderNode({ placement, blueprint, node, nodeHash: toNodeHash(node), settings })] as const;
  const namespace = renderNamespace(placement, settings);
  return {
    namespace,
    shared: [
      renderQuota(placement, blueprint, settings, kept),
      renderLimitRange(placement, blueprint),
      ...renderPolicies(network),
      ...renderOutsidePolicies(placement, namespace.metadata.name, blueprint, settings),
      ...renderBudgets(placement, blueprint.spread),
    ],
    nodes: new Map(blueprint.nodes.map(toEntry)),
    notes: [...toNotes(blueprint, settings), ...toPeerNotes(network)],
  };
};
