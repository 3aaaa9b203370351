import { describe, expect, test } from "vitest";
import { type Manifest, objectsOf, renderPlacement } from "../src/kubernetes/render/index.ts";
import { type ManifestSample, manifestSamples } from "./manifest-samples.ts";

/**
 * What each framework becomes on a cluster, to be read in a review. After a wanted change:
 * `npx vitest run packages/runtimes/test/manifests.golden.test.ts -u`.
 */
const toGolden = ({ placement, blueprint, settings }: ManifestSample): string => {
  const { namespace, shared, nodes, notes } = renderPlacement(placement, blueprint, settings);
  const objects: Manifest[] = [namespace, ...shared];
  for (const node of nodes.values()) objects.push(...objectsOf(node), ...node.jobs.map(({ job }) => job));
  const fills = Object.fromEntries([...nodes.values()].map((node) => [node.name, node.fills]));
  return `${JSON.stringify({ notes, objects, fills }, null, 1)}\n`;
};

const samples = await manifestSamples();

describe("manifests stay as they are", () => {
  test.each(samples.map((sample) => [sample.name, sample] as const))("%s", async (name, sample) => {
    await expect(toGolden(sample)).toMatchFileSnapshot(`./golden/${name}.json`);
  });
});
