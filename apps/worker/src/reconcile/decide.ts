import { type Condition, canonicalJson, derivePhase, type Phase } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { ChainChanges, ChainWork, PlacementWork } from "@portolan/store";
import { toConditions } from "./conditions.ts";
import { toCopyEvents } from "./copy-progress.ts";
import type { CopyTurn } from "./copy-turn.ts";
import { type Desired, desiredHashes, ownNodes } from "./desired.ts";
import { toOperation } from "./operation-progress.ts";
import { toOrders } from "./orders.ts";
import { toPartChanges, toPartEvents } from "./part-progress.ts";
import { toNodeChanges } from "./rollout.ts";
import { toRoute } from "./route.ts";

/** How often a chain at rest in its wish is looked at again, as the second line behind reports. */
export const steadyMs = 30_000;

const isPlacementReached = (placement: PlacementWork): boolean =>
  placement.order !== null && placement.observedGeneration >= placement.generation;

/** The wish is reached when no order is open, every node runs what is wanted of it, and nothing is left to do inside. */
const isWishReached = (
  work: ChainWork,
  desired: Desired,
  conditions: readonly Condition[],
  hasNewOrders: boolean,
): boolean => {
  if (hasNewOrders || !work.placements.every(isPlacementReached)) return false;
  if (desired.kind === "resting") return true;
  if (desired.kind !== "wanted") return false;
  if (work.placements.some((placement) => placement.order?.action !== "run")) return false;
  const { changed, fresh } = toNodeChanges(work, desired.blueprints);
  const own = new Set(ownNodes(desired).map((node) => node.name));
  const open = changed.filter((change) => !change.isRendererOnly && own.has(change.node));
  return (
    open.length === 0 &&
    !fresh.some((node) => own.has(node)) &&
    conditions.every((condition) => condition.status === "true")
  );
};

/** Back-off of the coordinator between passes that changed nothing: 1 s doubling to 30 s. */
export const backOffMs = (attempts: number): number => Math.min(30_000, 1_000 * 2 ** Math.min(attempts, 5));

const isStopped = (work: ChainWork): boolean =>
  work.placements.every((placement) =>
    (placement.observation?.nodes ?? []).every((node) => node.state === "stopped" || node.state === "absent"),
  );

const toEvents = (work: ChainWork, conditions: readonly Condition[], phase: Phase): ChainChanges["events"] => {
  const events: { type: string; reason: string; message: string }[] = [];
  if (phase !== work.phase) events.push({ type: "phase", reason: phase, message: `The chain is ${phase}.` });
  for (const condition of conditions) {
    const former = work.conditions.find((item) => item.type === condition.type);
    if (former?.status === condition.status && former.reason === condition.reason) continue;
    events.push({ type: condition.type, reason: condition.reason, message: condition.message });
  }
  return events;
};

const toPurgeAt = (work: ChainWork, isReached: boolean, recoveryWindowMs: number, now: Date): Date | null => {
  if (work.wish !== "deleted") return work.purgeAt;
  if (!isReached) return null;
  return work.purgeAt ?? new Date((work.deletedAt ?? now).getTime() + recoveryWindowMs);
};

const toNextAt = (input: {
  work: ChainWork;
  isReached: boolean;
  /** A part is not as it is wished: looked at as often as a chain that is not. */
  hasOpenParts: boolean;
  /** A worker has an order that it has not reached yet. */
  isInHand: boolean;
  purgeAt: Date | null;
  attempts: number;
  renewAt: Date | null;
  now: Date;
}): Date | null => {
  const { work, isReached, hasOpenParts, isInHand, purgeAt, attempts, renewAt, now } = input;
  // Its report wakes the chain: hundreds that are looked at in between would be what the worker's own passes wait for.
  if (!isReached && isInHand) return new Date(now.getTime() + steadyMs);
  if (!isReached || (work.wish === "running" && hasOpenParts)) return new Date(now.getTime() + backOffMs(attempts));
  if (work.wish === "purged") return null;
  if (work.wish === "deleted") return purgeAt;
  const steady = new Date(now.getTime() + steadyMs);
  return work.wish === "running" && renewAt !== null && renewAt < steady ? renewAt : steady;
};

export interface DecideInput {
  work: ChainWork;
  /** What becomes of the copying of its data; absent: there is none. */
  copy?: CopyTurn;
  framework: Framework;
  desired: Desired;
  recoveryWindowMs: number;
  /** The next moment at which something is due for renewal. */
  renewAt: Date | null;
  now: Date;
}

/**
 * Turns wish and observation into what is written: orders, conditions, phase, route, the operation's standing and the
 * next look. Pure: the same input gives the same answer, so a pass that crashed is simply repeated.
 */
export const decide = (input: DecideInput): ChainChanges => {
  const { work, copy, framework, desired, now } = input;
  const conditions = toConditions(work, framework, desired, now);
  const orders = toOrders(work, desired);
  const isReached = isWishReached(work, desired, conditions, orders.length > 0);
  const observedGeneration = isReached ? work.generation : work.observedGeneration;
  const hasRun = work.hasRun || (isReached && work.wish === "running");
  const stopped = isStopped(work);
  const phase = derivePhase({
    wish: work.wish,
    generation: work.generation,
    observedGeneration,
    hasRun,
    isStopped: stopped,
    conditions,
  });
  const route = toRoute({ ...work, hasRun, observedGeneration }, framework, desired, conditions, now);
  const purgeAt = toPurgeAt(work, isReached, input.recoveryWindowMs, now);
  const hasNewOrders = orders.length > 0;
  const parts = toPartChanges({ work, desired, conditions, hasNewOrders, copyError: copy?.error ?? null, now });
  const hasOpenParts = work.parts.some(
    (part) =>
      part.observedGeneration < part.generation &&
      !parts.reachedParts.some(({ id, generation }) => id === part.id && generation === part.generation),
  );
  // Reaching the same wish again is no movement while a part is open: it would be looked at every second for good.
  const isNewlyReached = isReached && (!hasOpenParts || work.observedGeneration < work.generation);
  const moved =
    orders.length > 0 ||
    parts.reachedParts.length > 0 ||
    isNewlyReached ||
    canonicalJson(conditions) !== canonicalJson(work.conditions);
  const attempts = moved ? 0 : work.attempts + 1;
  const isOpen = ({ order, observedGeneration: seen, generation }: PlacementWork) =>
    order !== null && seen < generation;
  const isInHand = desired.kind !== "impossible" && (orders.length > 0 || work.placements.some(isOpen));
  return {
    conditions,
    phase,
    observedGeneration,
    hasRun,
    view: work.view,
    route,
    orders,
    nodes: toNodeRows(work, desired),
    ...parts,
    operation: toOperation({ work, desired, conditions, isReached, now, ...(copy === undefined ? {} : { copy }) }),
    backup: copy?.backup ?? null,
    restore: copy?.restore ?? null,
    events: [
      ...toEvents(work, conditions, phase),
      ...toPartEvents(work, parts.partOperations),
      ...(copy === undefined ? [] : toCopyEvents(copy)),
    ],
    purgeAt,
    attempts,
    nextAt: toNextAt({ work, isReached, hasOpenParts, isInHand, purgeAt, attempts, renewAt: input.renewAt, now }),
    isPurged: isReached && work.wish === "purged",
  };
};

/**
 * A node's row says what runs: another version only once it was seen to run as it is wanted of that version. Looked at
 * while an operation is under way, because nothing else changes it.
 */
const toNodeRows = (work: ChainWork, desired: Desired): ChainChanges["nodes"] => {
  const wanted = desired.kind === "wanted" && work.operation !== null ? desiredHashes(desired.blueprints) : null;
  const seen = new Map(
    work.placements.flatMap(({ observation }) => (observation?.nodes ?? []).map((node) => [node.node, node] as const)),
  );
  return desired.nodes.map((node) => {
    const [one, want] = [seen.get(node.name), wanted?.get(node.name)];
    const isRunning = one?.state === "running" && want !== undefined && one.appliedHash === want.hash;
    return {
      ...pickNode(node),
      version: work.spec.version,
      ...(isRunning ? { runningVersion: want.version } : {}),
      placementId: placementOf(work, node.region),
    };
  });
};

const pickNode = (node: { region: string; name: string; role: string; ordinal: number }) => ({
  region: node.region,
  name: node.name,
  role: node.role,
  ordinal: node.ordinal,
});

const placementOf = (work: ChainWork, region: string): string =>
  work.placements.find((placement) => placement.region === region)?.id ?? "";
