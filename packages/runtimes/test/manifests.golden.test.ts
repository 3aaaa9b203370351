import { describe, expect, test } from "vitest";
import { type Manifest, objectsOf } from "../src/kubernetes/render/index.ts";
import { type ManifestSample, manifestSamples, spacesOf } from "./manifest-samples.ts";

/**
 * What each framework becomes on a cluster, to be read in a review. After a wanted change:
 * `npx vitest run packages/runtimes/test/manifests.golden.test.ts -u`.
 */
const toGolden = (sample: ManifestSample): string => {
  const spaces = spacesOf(sample);
  const nodes = spaces.flatMap((space) => [...space.nodes.values()]);
  const notes = spaces.flatMap((space) => space.notes);
  const objects: Manifest[] = spaces.flatMap((space) => [
    space.namespace,
    ...space.shared,
    ...[...space.nodes.values()].flatMap((node) => [...objectsOf(node), ...node.jobs.map(({ job }) => job)]),
  ]);
  const fills = Object.fromEntries(nodes.map((node) => [node.name, node.fills]));
  return `${JSON.stringify({ notes, objects, fills }, null, 1)}\n`;
};

const samples = await manifestSamples();

describe("manifests stay as they are", () => {
  test.each(samples.map((sample) => [sample.name, sample] as const))("%s", async (name, sample) => {
    await expect(toGolden(sample)).toMatchFileSnapshot(`./golden/${name}.json`);
  });
});
