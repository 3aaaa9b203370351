import type { ChainView, NodeSpec } from "@portolan/domain";
import type { InspectInput } from "../../framework.ts";
import type { RegionFacts } from "../facts.ts";
import { type Inspection, patienceOf } from "../inspection.ts";
import type { Look, NodeFindings } from "./look-at-node.ts";

export interface LookedAt {
  node: NodeSpec;
  look: Look;
}

/** One region as it is at this look, together with what was known of it before. */
export interface RegionScene {
  inspection: Inspection;
  former: RegionFacts;
  now: Date;
  observations: InspectInput["access"]["observations"];
  nodes: readonly LookedAt[];
  /** Undefined: nobody has answered yet, ever. */
  genesisHash?: string;
  /** The highest block of any node that answers. */
  top: number;
  /** Whether that is higher than at the look before. */
  hasGrown: boolean;
  /** Address in force → since which block. */
  since?: { [address: string]: number };
  /** Address → the last block that it proposed, as far as that is known. */
  proposed?: { [address: string]: number };
  runs: RegionFacts["runs"];
}

const answersOf = (nodes: readonly LookedAt[]): { name: string; findings: NodeFindings }[] =>
  nodes.flatMap(({ node, look }) => (look.isAnswering ? [{ name: node.name, findings: look.findings }] : []));

/** What most of them say; of as many the first. */
const mostCommon = (values: readonly string[]): string | undefined => {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
};

/** Nodes of another chain have heights that mean nothing here. */
const ofThisChain = (nodes: readonly LookedAt[], genesisHash: string | undefined) =>
  answersOf(nodes).filter(({ findings }) => findings.genesisHash === genesisHash);

/** The word of the validator that is furthest, and since when each address has been in it. */
const toVoters = (
  former: RegionFacts,
  found: readonly { findings: NodeFindings }[],
): Pick<RegionScene, "since" | "proposed"> => {
  const best = found
    .filter(({ findings }) => findings.validator !== undefined)
    .sort((a, b) => b.findings.head.height - a.findings.head.height)[0]?.findings;
  if (best?.validator === undefined) return former.since === undefined ? {} : { since: former.since };
  const { inForce, proposed } = best.validator;
  const at = best.head.height;
  // A backup that was put back has fewer blocks.
  const since = inForce.map((address) => [address, Math.min(former.since?.[address] ?? at, at)] as const);
  return { since: Object.fromEntries(since), ...(proposed === undefined ? {} : { proposed }) };
};

const toRuns = (
  former: RegionFacts,
  nodes: readonly LookedAt[],
  observations: RegionScene["observations"],
  height: number,
): RegionScene["runs"] =>
  Object.fromEntries(
    nodes.flatMap(({ node: { name }, look }) => {
      const incarnation = observations.find(({ node }) => node === name)?.incarnation ?? 0;
      const known = former.runs[name];
      if (known?.incarnation === incarnation) return [[name, { incarnation, height: Math.min(known.height, height) }]];
      return look.isAnswering ? [[name, { incarnation, height }]] : [];
    }),
  );

export const toRegionScene = (input: {
  inspection: Inspection;
  former: RegionFacts;
  now: Date;
  observations: RegionScene["observations"];
  nodes: readonly LookedAt[];
  previous: Pick<ChainView, "nodes"> | null;
}): RegionScene => {
  const { former, nodes, observations, previous } = input;
  const genesisHash = former.genesisHash ?? mostCommon(answersOf(nodes).map(({ findings }) => findings.genesisHash));
  const found = ofThisChain(nodes, genesisHash);
  const top = Math.max(0, ...found.map(({ findings }) => findings.head.height));
  const before = Object.values(previous?.nodes ?? {}).flatMap(({ height }) =>
    height === undefined ? [] : [Number(height)],
  );
  return {
    ...input,
    ...(genesisHash === undefined ? {} : { genesisHash }),
    ...{ top, hasGrown: before.length > 0 && top > Math.max(...before) },
    ...toVoters(former, found),
    runs: toRuns(former, nodes, observations, top),
  };
};

/** Whether blocks come: the height has grown since the last look, or a block is young by its own time. */
export const isAdvancing = (scene: RegionScene): boolean =>
  scene.top > 0 &&
  (scene.hasGrown || ofThisChain(scene.nodes, scene.genesisHash).some(({ findings }) => isYoung(scene, findings)));

/** Whether the node's last block is about as old as a last block should be. */
export const isYoung = (scene: Pick<RegionScene, "inspection" | "now">, { head }: NodeFindings): boolean =>
  head.height > 0 && scene.now.getTime() - head.timestampMs < patienceOf(scene.inspection);
