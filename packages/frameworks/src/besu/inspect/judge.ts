import type { NodeView } from "@portolan/domain";
import { type NodeDetail, toJson } from "../facts.ts";
import { patienceOf } from "../inspection.ts";
import { quorumOf } from "../quorum.ts";
import type { NodeFindings } from "./look-at-node.ts";
import { isAdvancing, isYoung, type LookedAt, type RegionScene } from "./region-scene.ts";

/** Blocks that a node may be behind before it counts as one that catches up. */
export const maxLag = 5;

interface Trouble {
  reason: string;
  hint?: string;
}

const addressOf = (scene: RegionScene, node: string): string | undefined =>
  scene.inspection.nodes[node]?.address.toLowerCase();

const isInForce = (scene: RegionScene, node: string): boolean => {
  const address = addressOf(scene, node);
  return address !== undefined && scene.since?.[address] !== undefined;
};

const short = (hash: string): string => hash.slice(0, 12);

/** It is another chain's node, or none that could be of use yet. */
const identityTrouble = (scene: RegionScene, found: NodeFindings): Trouble | undefined => {
  if (found.chainId !== scene.inspection.chainId)
    return { reason: `chain id is ${found.chainId}, not ${scene.inspection.chainId}` };
  if (scene.genesisHash !== undefined && found.genesisHash !== scene.genesisHash)
    return {
      reason: `its block 0 is ${short(found.genesisHash)}…, the chain's is ${short(scene.genesisHash)}…`,
      hint: "Its data is another chain's: remove the node's volume, or restore a backup of this chain.",
    };
  return undefined;
};

const syncTrouble = (scene: RegionScene, name: string, found: NodeFindings): Trouble | undefined => {
  const count = Object.keys(scene.since ?? {}).length;
  const isVoter = isInForce(scene, name);
  const isAlone = isVoter && count < 2;
  if (!isAlone && found.peers === 0) return { reason: "it is connected to no other node" };
  const { height } = found.head;
  if (height === 0) return { reason: "it has no block yet" };
  if (found.isSyncing || scene.top - height > maxLag) return { reason: "it is catching up" };
  // Where nobody else stands beside it, its own blocks' age is all that says how far it is.
  if (!isVoter && isAdvancing(scene) && !isYoung(scene, found)) return { reason: "it is catching up" };
  return undefined;
};

const startedLately = (scene: RegionScene): boolean =>
  scene.nodes.some(({ node }) => {
    const startedAt = scene.observations.find((item) => item.node === node.name)?.startedAt;
    return startedAt !== undefined && scene.now.getTime() - Date.parse(startedAt) < patienceOf(scene.inspection);
  });

/** A chain that stands still: how many are needed, how many there are, and what to do. */
const stallTrouble = (scene: RegionScene): Trouble | undefined => {
  if (isAdvancing(scene)) return undefined;
  const height = scene.top;
  if (startedLately(scene)) return { reason: `it waits for the block after ${height}` };
  const count = Object.keys(scene.since ?? {}).length;
  const here = scene.nodes.filter(({ node }) => isInForce(scene, node.name));
  const answering = here.filter(({ look }) => look.isAnswering).length;
  const again = "pause and resume the chain: rounds have become longer meanwhile, and start anew with all validators.";
  const isEnough = answering >= quorumOf(count);
  return {
    reason: `no block came after ${height}: of ${count} validators ${quorumOf(count)} are needed, and ${answering} of ${here.length} answer here`,
    hint: isEnough ? `P${again.slice(1)}` : `Bring the missing validators back; if no block comes then, ${again}`,
  };
};

/** Who proposes none of three rounds' blocks has a vote and does not use it. */
const silenceTrouble = (scene: RegionScene, name: string): Trouble | undefined => {
  const address = addressOf(scene, name);
  const { since, proposed, top, runs } = scene;
  if (address === undefined || since === undefined || proposed === undefined) return undefined;
  const count = Object.keys(since).length;
  const last = Math.max(proposed[address] ?? 0, since[address] ?? 0, runs[name]?.height ?? top);
  if (count < 2 || top - last <= 3 * (count + 1)) return undefined;
  return { reason: `it is a validator and has proposed no block since ${last}` };
};

const isSettled = (scene: RegionScene, name: string): boolean => {
  const address = addressOf(scene, name);
  const run = scene.runs[name];
  if (scene.proposed === undefined || address === undefined) return true;
  return run !== undefined && (scene.proposed[address] ?? 0) > run.height;
};

/** How the node is, for everybody to read. */
export const toNodeView = (scene: RegionScene, { node, look }: LookedAt): NodeView => {
  const state = scene.observations.find((item) => item.node === node.name)?.state;
  const isFailed = state === "failed";
  if (!look.isAnswering) {
    const detail: NodeDetail = {
      isSynced: false,
      ...(state === "running" ? { isSilent: true } : {}),
      ...(isFailed ? { isFailed } : {}),
    };
    return { healthy: false, reason: look.reason, detail: toJson(detail) };
  }
  const { findings } = look;
  const isVoter = isInForce(scene, node.name);
  const apart = identityTrouble(scene, findings) ?? syncTrouble(scene, node.name, findings);
  const trouble = apart ?? (isVoter ? (stallTrouble(scene) ?? silenceTrouble(scene, node.name)) : undefined);
  const detail: NodeDetail = {
    peers: findings.peers,
    isSynced: apart === undefined && isYoung(scene, findings),
    isInForce: isVoter,
    isSettled: isVoter && isSettled(scene, node.name),
    ...(isFailed ? { isFailed } : {}),
  };
  return {
    healthy: trouble === undefined,
    ...(trouble ?? {}),
    height: String(findings.head.height),
    detail: toJson(detail),
  };
};
