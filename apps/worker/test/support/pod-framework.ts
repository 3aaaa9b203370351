import type { Blueprint } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { createFakeFramework } from "@portolan/testing";

/** A simulated pod runs no script, so none is given to it. */
const withoutAssets = (blueprint: Blueprint): Blueprint => ({
  ...blueprint,
  nodes: blueprint.nodes.map((node) => ({
    ...node,
    files: node.files.map((file) => ("asset" in file.content ? { ...file, content: { text: "" } } : file)),
  })),
});

/**
 * The fake framework for pods that nobody really runs: whether a node is well is what the runtime says of it. It keeps
 * genesis, certificates, init commands, one-off jobs, volumes and the change of one node after the other; it has no topics.
 */
export const createPodFramework = (): Framework => {
  const framework = createFakeFramework();
  return {
    ...framework,
    steps: () => [],
    blueprint: (...input) =>
      Object.fromEntries(
        Object.entries(framework.blueprint(...input)).map(([region, blueprint]) => [region, withoutAssets(blueprint)]),
      ),
    inspect: async ({ nodes, access }) => ({
      nodes: Object.fromEntries(
        nodes.map(({ name }) => {
          const state = access.observations.find(({ node }) => node === name)?.state;
          return [name, { healthy: state === "running", ...(state === "running" ? {} : { reason: "not running" }) }];
        }),
      ),
      facts: {},
      at: access.now.toISOString(),
    }),
  };
};
