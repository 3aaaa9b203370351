import type { NodeSpec } from "@portolan/domain";

/** Region → names of the nodes of it, in the order given. */
export const byRegion = (nodes: readonly Pick<NodeSpec, "name" | "region">[]): [string, string[]][] => {
  const regions = new Map<string, string[]>();
  for (const { region, name } of nodes) regions.set(region, [...(regions.get(region) ?? []), name]);
  return [...regions];
};
