import { type Blueprint, type BlueprintNode, DomainError, toName } from "@portolan/domain";
import type { PlacementRef } from "../runtime.ts";

/**
 * One of a placement's namespaces: its own, or (`isApart`) the one beside it, for code that tenants bring. Each has its
 * own fence, state, quota and policies, and is written to as if it were a placement's only one.
 */
export interface Space extends PlacementRef {
  isApart?: true;
}

type Named = Pick<Space, "placementId" | "isApart">;

/** RFC 1035 label, short enough for what is derived from it. */
const label = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const apartEnding = "-t";

/**
 * `plc_0abc` → `p-plc-0abc`, or `p-plc-0abc-t` for tenants' code: no placement's id ends like that, being of 26
 * characters. Throws where the id could not have come from the plane.
 */
export const toNamespaceName = ({ placementId, isApart }: Named): string => {
  const name = `p-${toName(placementId)}`;
  if (label.test(name) && name.length <= 40) return isApart === true ? `${name}${apartEnding}` : name;
  throw new DomainError({
    code: "runtime.failed",
    message: "The placement's id can't be used as a namespace's name.",
    detail: `placement: ${JSON.stringify(placementId).slice(0, 200)}`,
  });
};

/** The namespace beside a placement's own. */
export const beside = (placement: PlacementRef): Space => ({ ...placement, isApart: true });

/** Where a node of the placement stands. */
export const spaceOf = (space: Space, node: Pick<BlueprintNode, "isTenantCode">): Space => {
  const { isApart: _whicheverThisIs, ...placement } = space;
  return node.isTenantCode === true ? beside(placement) : placement;
};

/** What of a placement's nodes stands in this namespace. */
export const nodesIn = <Node extends Pick<BlueprintNode, "isTenantCode">>(
  space: Space,
  nodes: readonly Node[],
): Node[] => nodes.filter((node) => (node.isTenantCode === true) === (space.isApart === true));

/** The blueprint with the nodes of one namespace; the rules of the network are those of all. */
export const blueprintIn = (space: Space, blueprint: Blueprint): Blueprint => ({
  ...blueprint,
  nodes: nodesIn(space, blueprint.nodes),
});
