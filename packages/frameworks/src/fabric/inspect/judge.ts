import type { NodeFindings } from "./look-at-node.ts";

/** Blocks that a peer may be behind before callers are sent elsewhere. Under load a few are normal. */
export const maxLag = 20;

export interface Neighbour {
  name: string;
  findings: NodeFindings;
}

/** True when an orderer of the region leads the channel, or hears of the one that does. */
const hasLeader = (orderers: readonly Neighbour[], channel: string): boolean =>
  orderers.some(({ findings }) => findings.channels?.[channel]?.hasLeader === true);

/** The furthest that any node of the region is, or was heard to be. */
export const topHeight = (nodes: readonly Neighbour[], channel: string): number =>
  Math.max(0, ...nodes.map(({ findings }) => findings.channels?.[channel]?.height ?? 0));

/**
 * What is wrong with an orderer that answers: it gave up on a channel, or a channel that it serves has nobody to lead
 * it. That it says `active` itself means little: it does so without a quorum.
 */
export const ordererTrouble = (
  node: Neighbour,
  orderers: readonly Neighbour[],
  channels: readonly string[],
): string | undefined => {
  for (const id of channels) {
    const found = node.findings.channels?.[id];
    if (found === undefined) continue;
    if (found.status === "failed") return `it failed on channel ${id}`;
    if (found.status === "onboarding") return `it is catching up with channel ${id}`;
    if (found.relation === "consenter" && !hasLeader(orderers, id)) return `channel ${id} has no leader`;
  }
  return undefined;
};

/** What is wrong with a peer that answers: it is too far behind on a channel of its own. */
export const peerTrouble = (
  node: Neighbour,
  all: readonly Neighbour[],
  channels: readonly string[],
): string | undefined => {
  for (const id of channels) {
    const height = node.findings.channels?.[id]?.height;
    if (height === undefined) continue;
    const lag = topHeight(all, id) - height;
    if (lag > maxLag) return `it is ${lag} blocks behind on channel ${id}`;
  }
  return undefined;
};
