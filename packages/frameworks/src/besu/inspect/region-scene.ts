import type { NodeSpec } from "@portolan/domain";
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
  head?: NonNullable<RegionFacts["head"]>;
  inForce?: NonNullable<RegionFacts["inForce"]>;
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

const toHead = (former: RegionFacts, heights: readonly number[], now: Date): RegionScene["head"] => {
  if (heights.length === 0) return former.head;
  const height = Math.max(...heights);
  if (former.head === undefined) return { height, advancedAt: null };
  if (height > former.head.height) return { height, advancedAt: now.toISOString() };
  // A backup that was put back has fewer.
  return height < former.head.height && heights.length > 1 ? { height, advancedAt: null } : { ...former.head };
};

/** The word of the validator that is furthest, and since when each address has been in it. */
const toInForce = (
  former: RegionFacts,
  found: readonly { findings: NodeFindings }[],
): Pick<RegionScene, "inForce" | "proposed"> => {
  const best = found
    .filter(({ findings }) => findings.validator !== undefined)
    .sort((a, b) => b.findings.head.height - a.findings.head.height)[0]?.findings;
  if (best?.validator === undefined)
    return {
      ...(former.inForce === undefined ? {} : { inForce: former.inForce }),
      ...(former.proposed === undefined ? {} : { proposed: former.proposed }),
    };
  const at = best.head.height;
  const since = best.validator.inForce.map((address) => {
    const known = former.inForce?.since[address] ?? at;
    return [address, Math.min(known, at)] as const;
  });
  const { proposed } = best.validator;
  return { inForce: { at, since: Object.fromEntries(since) }, ...(proposed === undefined ? {} : { proposed }) };
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
}): RegionScene => {
  const { former, now, nodes, observations } = input;
  const genesisHash = former.genesisHash ?? mostCommon(answersOf(nodes).map(({ findings }) => findings.genesisHash));
  const found = ofThisChain(nodes, genesisHash);
  const heights = found.map(({ findings }) => findings.head.height);
  const head = toHead(former, heights, now);
  return {
    ...input,
    ...(genesisHash === undefined ? {} : { genesisHash }),
    ...(head === undefined ? {} : { head }),
    ...toInForce(former, found),
    runs: toRuns(former, nodes, observations, head?.height ?? 0),
  };
};

/** Whether blocks come: one is young by its own time, or the height was seen to grow not long ago. */
export const isAdvancing = (scene: RegionScene): boolean => {
  const patienceMs = patienceOf(scene.inspection);
  const nowMs = scene.now.getTime();
  const { head } = scene;
  if (head === undefined || head.height === 0) return false;
  if (head.advancedAt !== null && nowMs - Date.parse(head.advancedAt) < patienceMs) return true;
  return ofThisChain(scene.nodes, scene.genesisHash).some(({ findings }) => isYoung(scene, findings));
};

/** Whether the node's last block is about as old as a last block should be. */
export const isYoung = (scene: Pick<RegionScene, "inspection" | "now">, { head }: NodeFindings): boolean =>
  head.height > 0 && scene.now.getTime() - head.timestampMs < patienceOf(scene.inspection);
