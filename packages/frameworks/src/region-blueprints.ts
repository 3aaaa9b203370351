import type { Blueprint, BlueprintNode, ChainSpec, NetworkRule, NodeSpec } from "@portolan/domain";
import type { RegionFacts } from "./framework.ts";

/** What of a chain goes into its blueprints; the nodes and rules of all regions. */
export interface BlueprintParts {
  spec: Pick<ChainSpec, "chainId" | "framework" | "regions">;
  regions: RegionFacts;
  nodes: readonly NodeSpec[];
  network: readonly NetworkRule[];
  rendererVersion: number;
  /** `here`: the nodes of the region. */
  toNode(node: NodeSpec, here: readonly NodeSpec[]): BlueprintNode;
  /** Groups of the region's nodes that would be lost together on one machine; those of one node are left out. */
  toSpread(here: readonly NodeSpec[]): Blueprint["spread"];
}

/** One blueprint per region of the spec, each with its own nodes and who may talk to them. Throws for an unknown region. */
export const toRegionBlueprints = (parts: BlueprintParts): { [region: string]: Blueprint } => {
  const { spec, regions, nodes, network, rendererVersion } = parts;
  const toBlueprint = (region: string): Blueprint => {
    const facts = regions[region];
    if (facts === undefined) throw new Error(`nothing is known of region ${region}`);
    const here = nodes.filter((node) => node.region === region);
    return {
      chainId: spec.chainId,
      placementId: facts.placementId,
      framework: spec.framework,
      rendererVersion,
      nodes: here.map((node) => parts.toNode(node, here)),
      network: network.filter(({ to }) => here.some(({ name }) => name === to.node)),
      spread: parts.toSpread(here).filter((group) => group.nodes.length > 1),
    };
  };
  return Object.fromEntries(spec.regions.map((region) => [region, toBlueprint(region)]));
};
