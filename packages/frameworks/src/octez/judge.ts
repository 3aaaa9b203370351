import type { JsonObject, NodeView } from "@portolan/domain";
import type { Head, SyncState } from "./client/chain-state.ts";
import type { Inspection } from "./inspection.ts";

/** What one node says of itself; null: it keeps that to itself. */
export interface Findings {
  /** The program's own version, e.g. `25.1`. */
  program: string;
  chainName: string;
  head: Head;
  protocol: string;
  genesis: string | null;
  sync: SyncState | null;
  peers: number | null;
}

/** What is known besides one node's own words. */
export interface Surroundings {
  inspection: Inspection;
  now: Date;
  /** Highest block that any node of the region has. */
  top: number;
  /** The chain had blocks at an earlier look. */
  wasActivated: boolean;
  /** The node's block at the last look. */
  former: number | undefined;
}

const leastHeadAgeSeconds = 60;
const delaysOfHeadAge = 5;
/** Two blocks below its head a chain is final: no node goes back further. */
const finalityDepth = 2;

/** How old a head may be before blocks are missed. */
export const allowedHeadAgeSeconds = ({ blockDelaySeconds }: Pick<Inspection, "blockDelaySeconds">): number =>
  Math.max(leastHeadAgeSeconds, delaysOfHeadAge * blockDelaySeconds);

/**
 * How long an attempt at a block takes, so long after the last block: each round is longer than the one before, so after
 * a long stop even a chain that is well has no block for a while. Round n lasts `delay + n × increment`.
 */
export const roundSeconds = (
  ageSeconds: number,
  { blockDelaySeconds: delay, delayIncrementSeconds: increment }: Inspection,
): number => {
  if (increment === 0) return delay;
  // The first n rounds last n × delay + n (n − 1) / 2 × increment.
  const half = delay / increment - 0.5;
  const round = Math.floor(-half + Math.sqrt(half * half + (2 * ageSeconds) / increment));
  return delay + Math.max(0, round) * increment;
};

const foreign = ({ head, genesis, chainName }: Findings, { genesis: own }: Inspection): string | undefined => {
  if (head.chainId !== own.chainId) return `it is on chain ${head.chainId}, not on ${own.chainId}`;
  if (genesis !== null && genesis !== own.block) return `its block 0 is ${genesis}, not ${own.block}`;
  if (chainName !== own.chainName) return `its peers know the chain as ${chainName}, not as ${own.chainName}`;
  return undefined;
};

const unbegun = ({ head }: Findings, { top, wasActivated }: Surroundings): string | undefined => {
  if (head.level > 0) return undefined;
  if (top > 0) return `waiting for the chain's blocks: another node is at ${top}`;
  // Not begun anew by itself: what the chain held would be gone without a word.
  if (wasActivated) return "it is at block 0 of a chain that had more: its data is gone";
  return "waiting for activation";
};

const stale = ({ head, peers }: Findings, { inspection, now }: Surroundings): string | undefined => {
  const ageSeconds = Math.floor((now.getTime() - Date.parse(head.timestamp)) / 1_000);
  const allowed = allowedHeadAgeSeconds(inspection);
  if (ageSeconds <= allowed) return undefined;
  const alone = peers === 0 && inspection.nodeCount > 1 ? ", and it is connected with no other node" : "";
  const round = Math.ceil(roundSeconds(ageSeconds, inspection));
  const next = round > allowed ? `; after so long the next attempt at one may take ${round} s` : "";
  return `no block for ${ageSeconds} s${alone}${next}`;
};

/**
 * What keeps a node from being well; nothing: it is. `is_bootstrapped` is asked last and believed only where it says no:
 * a node that is told to wait for no peers says yes whatever is the case, and one whose chain stands still says `stuck`,
 * which the age of its head tells better.
 */
const problemOf = (findings: Findings, around: Surroundings): string | undefined => {
  const { inspection, former } = around;
  const { head, protocol, sync } = findings;
  const early = foreign(findings, inspection) ?? unbegun(findings, around);
  if (early !== undefined) return early;
  if (protocol !== inspection.protocol) return `protocol ${protocol} is in force, not ${inspection.protocol}`;
  if (former !== undefined && head.level < former - finalityDepth)
    return `it went back from block ${former} to ${head.level}`;
  const old = stale(findings, around);
  if (old !== undefined) return old;
  // The activation block is the plane's own: that bakers bake is seen by the next one.
  if (head.level === 1 && inspection.blockDelaySeconds <= leastHeadAgeSeconds)
    return "waiting for the first baked block";
  if (sync !== null && !sync.isBootstrapped) return `not in step with its peers yet (${sync.state})`;
  return undefined;
};

const toDetail = ({ program, head, protocol, sync, peers }: Findings): JsonObject => ({
  program,
  head: head.hash,
  headAt: head.timestamp,
  chainId: head.chainId,
  protocol,
  peers,
  syncState: sync?.state ?? null,
});

/** One node as the chain's view has it. Pure. */
export const judge = (findings: Findings, around: Surroundings): NodeView => {
  const problem = problemOf(findings, around);
  const base = { height: String(findings.head.level), detail: toDetail(findings) };
  return problem === undefined ? { ...base, healthy: true } : { ...base, healthy: false, reason: problem };
};
