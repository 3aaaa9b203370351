import type { Blueprint, ChainView, MaterialItem, NodeObservation, NodeSpec } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { ChainWork } from "@portolan/store";
import { desiredHashes } from "./desired.ts";

export interface NodeChange {
  node: string;
  isRendererOnly: boolean;
}

/** Which nodes differ from what is wanted, and which of them are new. */
export const toNodeChanges = (
  work: Pick<ChainWork, "placements" | "generation" | "observedGeneration">,
  blueprints: { readonly [region: string]: Blueprint },
): { changed: NodeChange[]; fresh: string[] } => {
  const observed = new Map(
    work.placements.flatMap((placement) =>
      (placement.observation?.nodes ?? []).map((node) => [node.node, node] as const),
    ),
  );
  const changed: NodeChange[] = [];
  const fresh: string[] = [];
  for (const [node, wanted] of desiredHashes(blueprints)) {
    const applied = observed.get(node);
    if (applied?.appliedHash === undefined) fresh.push(node);
    else if (applied.appliedHash !== wanted.hash) {
      // Nothing was wished since it was applied: only the renderer writes it differently now.
      const isRendererOnly =
        work.observedGeneration === work.generation &&
        applied.rendererVersion !== undefined &&
        applied.rendererVersion !== wanted.rendererVersion;
      changed.push({ node, isRendererOnly });
    }
  }
  return { changed, fresh };
};

const isDown = (node: NodeObservation): boolean =>
  node.state === "stopped" || node.state === "failed" || node.state === "absent";

/** Names that may be changed now; null when nothing needs holding back. */
export const toOnly = (input: {
  framework: Framework;
  work: ChainWork;
  nodes: readonly NodeSpec[];
  blueprints: { readonly [region: string]: Blueprint };
  material: readonly MaterialItem[];
  view: ChainView | null;
}): readonly string[] | null => {
  const { changed, fresh } = toNodeChanges(input.work, input.blueprints);
  if (changed.length === 0) return null;
  const healthy = Object.entries(input.view?.nodes ?? {})
    .filter(([, node]) => node.healthy)
    .map(([name]) => name);
  const allowed = new Set(
    input.framework.rollout({
      spec: input.work.spec,
      nodes: input.nodes,
      changed,
      fresh,
      healthy,
      material: input.material,
      view: input.view,
    }),
  );
  // One that is down is started anyhow, so it may as well start as it is wanted.
  const down = new Set(
    input.work.placements.flatMap((placement) =>
      (placement.observation?.nodes ?? []).filter((node) => isDown(node)).map((node) => node.node),
    ),
  );
  const held = changed.filter((change) => !allowed.has(change.node) && !down.has(change.node));
  if (held.length === 0) return null;
  const heldNames = new Set(held.map((change) => change.node));
  return input.nodes.map((node) => node.name).filter((name) => !heldNames.has(name));
};
