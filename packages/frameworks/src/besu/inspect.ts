import type { ChainView, JsonObject } from "@portolan/domain";
import type { InspectInput } from "../framework.ts";
import { factsName, factsOfRegion, type RegionFacts, toJson } from "./facts.ts";
import { toNodeView } from "./inspect/judge.ts";
import { lookAtNode, type ValidatorFindings } from "./inspect/look-at-node.ts";
import { type RegionScene, toRegionScene } from "./inspect/region-scene.ts";
import { readInspection } from "./inspection.ts";

/** Looks that are counted; more say nothing more. */
const mostLooks = 9;

const validatorsOf = (scene: RegionScene): { name: string; found: ValidatorFindings }[] =>
  scene.nodes.flatMap(({ node, look }) =>
    look.isAnswering && look.findings.validator !== undefined
      ? [{ name: node.name, found: look.findings.validator }]
      : [],
  );

const toPending = (scene: RegionScene): RegionFacts["pending"] =>
  Object.fromEntries(
    validatorsOf(scene).flatMap(({ name, found }) => (found.pending === undefined ? [] : [[name, found.pending]])),
  );

/** One look may fall into the moment of a connection's renewal, so looks are counted. */
const toLacking = (scene: RegionScene): RegionFacts["lacking"] =>
  Object.fromEntries(
    validatorsOf(scene).flatMap(({ name, found: { connected } }) => {
      if (connected === undefined) return [];
      const missing = Object.entries(scene.inspection.nodes).filter(
        ([other, { enodeKey }]) => other !== name && !connected.includes(enodeKey.toLowerCase()),
      );
      const counts = missing.map(([other]) => {
        const looks = (scene.former.lacking[name]?.[other] ?? 0) + 1;
        return [other, Math.min(looks, mostLooks)] as const;
      });
      return counts.length === 0 ? [] : [[name, Object.fromEntries(counts)]];
    }),
  );

const toFacts = (scene: RegionScene): RegionFacts => {
  const { genesisHash, since, runs } = scene;
  return {
    wish: scene.inspection.wish,
    ...(genesisHash === undefined ? {} : { genesisHash }),
    ...(since === undefined ? {} : { since }),
    pending: toPending(scene),
    lacking: toLacking(scene),
    runs,
  };
};

/** For people: of which chain it is, and who has a vote. */
const toPublicFacts = ({ inspection, genesisHash, since }: RegionScene): JsonObject => ({
  chainId: inspection.chainId,
  ...(genesisHash === undefined ? {} : { genesisHash }),
  ...(since === undefined ? {} : { validators: Object.keys(since).sort() }),
});

/** An order from before the network's keys were made: nothing is there to be compared with. */
const unread = ({ nodes, previous, access }: InspectInput): ChainView => ({
  nodes: Object.fromEntries(nodes.map(({ name }) => [name, { healthy: false, reason: "waiting for its keys" }])),
  facts: previous?.facts ?? {},
  at: access.now.toISOString(),
});

/**
 * Looks at the region's nodes: whether blocks come, who has a vote and uses it, who knows whom, and that all have one
 * block 0. A node that is dead costs its own health only; a chain that stands still costs that of all its validators,
 * while nodes that only answer calls go on with what there is.
 */
export const inspect = async (input: InspectInput): Promise<ChainView> => {
  const { access } = input;
  const inspection = readInspection(input.chain.inspection);
  if (inspection === undefined) return unread(input);
  const nodes = await Promise.all(input.nodes.map(async (node) => ({ node, look: await lookAtNode(access, node) })));
  const former = factsOfRegion(input.previous, access.region);
  const { now, observations } = access;
  const scene = toRegionScene({ inspection, former, now, observations, nodes, previous: input.previous });
  return {
    nodes: Object.fromEntries(scene.nodes.map((each) => [each.node.name, toNodeView(scene, each)])),
    facts: { ...toPublicFacts(scene), [factsName(access.region)]: toJson(toFacts(scene)) },
    at: now.toISOString(),
  };
};
