import type { Clock, Probe } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import { ask } from "./probe.ts";
import type { ProcessIdentity, ProcessTable } from "./process-table.ts";
import type { NodeState, PlacementState, StateStore } from "./state.ts";

/** A program under observation. */
interface Watched {
  placementId: string;
  identity: ProcessIdentity;
  target?: { probe: Probe; host: string; port: number };
  startedMs: number;
  /** Undefined until the first answer. */
  isReady?: boolean;
  misses: number;
  isLate: boolean;
  isDropped: boolean;
  wake?: () => void;
}

const keyOf = (identity: ProcessIdentity): string => `${identity.bootId}/${identity.pid}/${identity.startTime}`;

/** One lost answer of a program under load is not a change of its state. */
const missesToFall = 3;
const tickMs = 500;

/** Close together while a program is starting (its first answer is what a customer waits for), then at its period. */
const nextDelayMs = (watched: Watched, probe: Probe, ageMs: number): number => {
  if (watched.isReady) return watched.misses > 0 ? Math.min(probe.periodMs, 250) : probe.periodMs;
  if (ageMs < 1000) return 5;
  if (ageMs < 10_000) return 25;
  return Math.min(probe.periodMs, ageMs < probe.startupMs ? 100 : 1000);
};

const toTarget = (node: NodeState, process: string): Watched["target"] => {
  const probe = node.applied?.processes.find(({ name }) => name === process)?.probe;
  const port = probe && node.applied?.ports.find(({ name }) => name === probe.port);
  return probe && port ? { probe, host: port.bindHost, port: port.bindNumber } : undefined;
};

export type Monitor = ReturnType<typeof createMonitor>;

/**
 * Asks running programs by their probes and looks after their processes, while somebody watches. Keeps no truth:
 * what it knows is lost with it and found again.
 */
export const createMonitor = (deps: {
  states: StateStore;
  table: ProcessTable;
  clock: Clock;
  log: Pick<Logger, "warn">;
}) => {
  const { states, table, clock, log } = deps;
  const listeners = new Set<(placementId: string) => void>();
  const watched = new Map<string, Watched>();
  const alarms = new Map<string, NodeJS.Timeout>();
  const seen = new Map<string, number>();
  let ticker: NodeJS.Timeout | undefined;

  const hint = (placementId: string): void => {
    for (const listener of listeners) {
      try {
        listener(placementId);
      } catch (error) {
        log.warn({ err: error, placementId }, "a watcher of the runtime failed");
      }
    }
  };

  const drop = (key: string): void => {
    const entry = watched.get(key);
    if (!entry) return;
    entry.isDropped = true;
    entry.wake?.();
    watched.delete(key);
  };

  const judge = (entry: Watched, isWell: boolean, startupMs: number): void => {
    const was = entry.isReady;
    entry.misses = isWell ? 0 : entry.misses + 1;
    entry.isReady = isWell || (was === true && entry.misses < missesToFall);
    const isLate = !entry.isReady && clock.now().getTime() - entry.startedMs > startupMs;
    // The very first "not yet" is no news.
    if (entry.isReady !== (was ?? false) || isLate !== entry.isLate) {
      entry.isLate = isLate;
      hint(entry.placementId);
    }
  };

  const follow = async (entry: Watched): Promise<void> => {
    const { target } = entry;
    if (!target) return;
    const sinceMs = performance.now() - Math.max(0, clock.now().getTime() - entry.startedMs);
    while (!entry.isDropped) {
      const isWell = await ask(target.probe, target.host, target.port);
      if (entry.isDropped) return;
      judge(entry, isWell, target.probe.startupMs);
      const delayMs = nextDelayMs(entry, target.probe, performance.now() - sinceMs);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delayMs);
        timer.unref();
        entry.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };

  const setAlarm = (state: PlacementState): void => {
    clearTimeout(alarms.get(state.placementId));
    alarms.delete(state.placementId);
    const due = Object.values(state.nodes).flatMap((node) => [
      node.nextStartAt,
      ...Object.values(node.processes).map((record) => record.nextStartAt),
    ]);
    const times = due.flatMap((at) => (at === undefined ? [] : [Date.parse(at)]));
    const now = clock.now().getTime();
    // What is long past has been hinted at already; the tick would otherwise repeat it for ever.
    const coming = times.filter((at) => at > now - tickMs);
    if (coming.length === 0) return;
    const timer = setTimeout(() => hint(state.placementId), Math.max(0, Math.min(...coming) - now) + 1);
    timer.unref();
    alarms.set(state.placementId, timer);
  };

  const refresh = (state: PlacementState): void => {
    if (listeners.size === 0) return;
    const live = new Set<string>();
    for (const node of Object.values(state.nodes)) {
      for (const [process, record] of Object.entries(node.processes)) {
        const { identity } = record;
        if (!identity || record.endedAt !== undefined) continue;
        const key = keyOf(identity);
        live.add(key);
        if (watched.has(key)) continue;
        const target = toTarget(node, process);
        const startedMs = Date.parse(record.startedAt ?? record.intentAt);
        const base = {
          placementId: state.placementId,
          identity,
          startedMs,
          misses: 0,
          isLate: false,
          isDropped: false,
        };
        const entry: Watched = target ? { ...base, target } : base;
        watched.set(key, entry);
        void follow(entry);
      }
    }
    for (const [key, entry] of watched) {
      if (entry.placementId === state.placementId && !live.has(key)) drop(key);
    }
    setAlarm(state);
  };

  /** Another worker may have changed a placement, and adopted programs have no parent to tell of their end. */
  const tick = (): void => {
    for (const { name, changedMs } of states.list()) {
      if (seen.get(name) === changedMs) continue;
      seen.set(name, changedMs);
      try {
        const state = states.load(name);
        if (state) refresh(state);
      } catch (error) {
        log.warn({ err: error, placement: name }, "a placement's state can't be read");
      }
    }
    for (const entry of [...watched.values()]) {
      if (!table.isAlive(entry.identity)) ended(entry.identity, entry.placementId);
    }
  };

  const ended = (identity: ProcessIdentity, placementId: string): void => {
    drop(keyOf(identity));
    hint(placementId);
  };

  const stop = (): void => {
    clearInterval(ticker);
    ticker = undefined;
    for (const key of [...watched.keys()]) drop(key);
    for (const timer of alarms.values()) clearTimeout(timer);
    alarms.clear();
    seen.clear();
  };

  const watch = (onChange: (placementId: string) => void, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const listener = (placementId: string): void => onChange(placementId);
      listeners.add(listener);
      if (listeners.size === 1) {
        tick();
        ticker = setInterval(tick, tickMs);
      }
      signal.addEventListener(
        "abort",
        () => {
          listeners.delete(listener);
          if (listeners.size === 0) stop();
          resolve();
        },
        { once: true },
      );
    });

  return {
    watch,
    refresh,
    ended,
    /** The last verdict on a program, if one is kept. */
    verdict: (identity: ProcessIdentity): boolean | undefined => watched.get(keyOf(identity))?.isReady,
    /** A program is asked a first time. Without a watcher, each question is put afresh. */
    isReady: async (node: NodeState, process: string, identity: ProcessIdentity): Promise<boolean> => {
      const target = toTarget(node, process);
      if (!target) return true;
      return watched.get(keyOf(identity))?.isReady ?? ask(target.probe, target.host, target.port);
    },
    close: stop,
  };
};
