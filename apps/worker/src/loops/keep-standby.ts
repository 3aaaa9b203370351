import { type Clock, canonicalJson } from "@portolan/domain";
import type { StandbyTarget } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { StandbyChain, StandbyPool } from "@portolan/store";

/**
 * A pool that has just lost a chain rests for this long before the next one is made: whoever got the chain is about to
 * call it, and a node that starts beside it would take the processor from that first call.
 */
export const restMs = 2_500;
/** Where chains are adopted one after the other all the time, the next one is made after this long all the same. */
export const longestRestMs = 10_000;
/** One that is not ready after this long is given up, removed and made anew. */
export const patienceMs = 120_000;
/** What a chain that was ready makes good of the time in which it was not: one second in so many. */
const forgivingSeconds = 10;
/** More than this between two turns says nothing of what was in between. */
const longestTurnMs = 10_000;
/** Pause after the first one that was given up or could not be made; each further one is twice as long. */
export const firstPauseMs = 30_000;
export const longestPauseMs = 1_800_000;

/** How long each chain was not ready in all: one that comes and goes is never so for long. */
const createUnreadyTimes = () => {
  let times = new Map<string, number>();
  let lastAt: number | null = null;
  return {
    /** Once a turn, with all chains. */
    count: (chains: readonly StandbyChain[], now: number): void => {
      const passed = Math.min(longestTurnMs, now - (lastAt ?? now));
      lastAt = now;
      times = new Map(
        chains.map(({ id, isReady }) => {
          const before = times.get(id) ?? 0;
          return [id, isReady ? Math.max(0, before - passed / forgivingSeconds) : before + passed];
        }),
      );
    },
    of: (chain: StandbyChain): number => times.get(chain.id) ?? 0,
  };
};

interface Standing {
  count: number;
  /** When `count` last changed. */
  changedAt: number;
  /** Since when it has been too few; null while it is enough. */
  shortSince: number | null;
  failures: number;
  pausedUntil: number;
}

const kindKey = ({ version, plan, region, settings }: StandbyChain | StandbyTarget, slug: string): string =>
  canonicalJson([slug, version, plan, region, settings]);

/**
 * Holds the operator's pools of stand-by chains at their size: one more at a time where there are too few, fewer where
 * there are too many, and none that is not what a creation of today would make. Level-triggered: every turn counts rows.
 */
export const createStandbyKeeper = (deps: {
  pool: StandbyPool;
  /** What the operator wants to stand by in this worker's regions. */
  targets: readonly StandbyTarget[];
  regions: readonly string[];
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
}) => {
  const { pool, clock, log } = deps;
  const targets = new Map(deps.targets.map((target) => [kindKey(target, target.framework.slug), target]));
  const standings = new Map<string, Standing>();
  const unready = createUnreadyTimes();

  const standingOf = (key: string, count: number, now: number): Standing => {
    const former = standings.get(key);
    if (former !== undefined && former.count === count) return former;
    const next = { shortSince: null, failures: 0, pausedUntil: 0, ...former, count, changedAt: now };
    standings.set(key, next);
    return next;
  };
  const fail = (standing: Standing, now: number): void => {
    standing.pausedUntil = now + Math.min(longestPauseMs, firstPauseMs * 2 ** standing.failures);
    standing.failures += 1;
  };
  const retire = async (chain: StandbyChain, reason: string): Promise<void> => {
    if (await pool.retire(chain.id)) log.info({ chainId: chain.id, reason }, "a stand-by chain is removed");
  };
  // Only what is older: beside a worker of the next release, the two would remove each other's.
  const isOutdated = (chain: StandbyChain, target: StandbyTarget): boolean =>
    chain.rendererVersions.some((version) => version < target.framework.rendererVersion);

  const fill = async (target: StandbyTarget, standing: Standing, now: number): Promise<void> => {
    if (standing.count >= target.count) {
      standing.shortSince = null;
      return;
    }
    standing.shortSince ??= now;
    const isCalm = now - standing.changedAt >= restMs || now - standing.shortSince >= longestRestMs;
    if (!isCalm || now < standing.pausedUntil) return;
    const { framework, count, ...kind } = target;
    try {
      const outcome = await pool.add({ ...kind, framework: framework.slug }, count, (spec) => framework.topology(spec));
      if (outcome !== "no operator") return;
      log.warn({ framework: framework.slug, plan: kind.plan }, "nobody can own stand-by chains: there is no operator");
    } catch (err) {
      log.warn({ err, framework: framework.slug, plan: kind.plan }, "a stand-by chain could not be made");
    }
    fail(standing, clock.now().getTime());
  };

  /** Removes what is not well and what is too many; answers how many are left. */
  const tend = async (target: StandbyTarget, chains: readonly StandbyChain[], key: string, now: number) => {
    const stuck = chains.filter(
      (chain) => !chain.isReady && (now - chain.since.getTime() > patienceMs || unready.of(chain) > patienceMs),
    );
    for (const chain of stuck) await retire(chain, "it does not become ready, or does not stay so");
    const left = chains.filter((chain) => !stuck.includes(chain));
    // Those that are ready stay; of equals the oldest.
    const kept = [...left].sort((a, b) => Number(b.isReady) - Number(a.isReady)).slice(0, target.count);
    for (const chain of left) if (!kept.includes(chain)) await retire(chain, "there are more than wanted");
    const standing = standingOf(key, kept.length, now);
    if (stuck.length > 0) fail(standing, now);
    else if (kept.length > 0 && kept.every((chain) => chain.isReady)) standing.failures = 0;
    return standing;
  };

  return async (): Promise<void> => {
    const now = clock.now().getTime();
    const byKind = new Map<string, StandbyChain[]>();
    const all = await pool.list(deps.regions);
    unready.count(all, now);
    for (const chain of all) {
      const key = kindKey(chain, chain.framework);
      const target = targets.get(key);
      if (target === undefined) await retire(chain, "nobody wants its kind any more");
      else if (!chain.isRegionOpen) await retire(chain, "its region takes no new chains");
      else if (isOutdated(chain, target)) await retire(chain, "a new one would be made otherwise");
      else byKind.set(key, [...(byKind.get(key) ?? []), chain]);
    }
    for (const [key, target] of targets) {
      await fill(target, await tend(target, byKind.get(key) ?? [], key, now), now);
    }
  };
};
