import { type Blueprint, type BlueprintNode, toNodeHash } from "@portolan/domain";
import { renderOutsidePolicies } from "../entry/render-outside.ts";
import { toNodeObjectName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { blueprintIn, type Space } from "../space.ts";
import { type KeptClaim, renderLimitRange, renderQuota } from "./limits.ts";
import { renderNamespace } from "./namespace.ts";
import { renderPolicies, toPeerNotes } from "./network.ts";
import { renderNode } from "./node.ts";
import { toNotes } from "./notes.ts";
import { toRefusal } from "./refusal.ts";
import type { RenderedPlacement } from "./rendered.ts";
import { renderBudgets } from "./spread.ts";

const check = (placement: Space, blueprint: Blueprint): void => {
  if (blueprint.placementId !== placement.placementId || blueprint.chainId !== placement.chainId)
    throw toRefusal(
      "The blueprint is another placement's.",
      `${blueprint.placementId} of ${blueprint.chainId} for ${placement.placementId} of ${placement.chainId}`,
    );
  const names = blueprint.nodes.map(({ name }) => toNodeObjectName(name));
  if (new Set(names).size !== names.length) throw toRefusal("Two nodes of the blueprint have one name.");
};

/**
 * A placement's blueprint as the objects of one of its namespaces. Pure; secrets, public material and assets are references until
 * `fillSecrets`. `kept`: claims that are there and that the blueprint has no more; the quota leaves them their room.
 * Throws a DomainError where a cluster can't have such a node.
 */
export const renderPlacement = (
  placement: Space,
  blueprint: Blueprint,
  settings: KubernetesSettings,
  kept: readonly KeptClaim[] = [],
): RenderedPlacement => {
  check(placement, blueprint);
  const network = { placement, blueprint, settings };
  const here = blueprintIn(placement, blueprint);
  const { nodes } = here;
  const spread = blueprint.spread.flatMap(({ group, nodes: members }) => {
    const left = members.filter((name) => nodes.some((node) => node.name === name));
    return left.length === 0 ? [] : [{ group, nodes: left }];
  });
  const toEntry = (node: BlueprintNode) =>
    [
      node.name,
      renderNode({ placement, blueprint: { ...blueprint, spread }, node, nodeHash: toNodeHash(node), settings }),
    ] as const;
  const namespace = renderNamespace(placement, settings);
  return {
    namespace,
    shared: [
      renderQuota(placement, here, settings, kept),
      renderLimitRange(placement, here),
      ...renderPolicies(network),
      ...renderOutsidePolicies(placement, namespace.metadata.name, here, settings),
      ...renderBudgets(placement, spread),
    ],
    nodes: new Map(nodes.map(toEntry)),
    notes: [...toNotes(here, settings), ...toPeerNotes(network)],
  };
};
