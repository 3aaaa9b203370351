import type { CentrePort } from "@portolan/contract";
import type { Clock } from "@portolan/domain";
import type { JobProducer } from "@portolan/jobs";
import type { Logger } from "@portolan/kit";
import type { Runtime } from "@portolan/runtimes";
import type { ChainCoordination } from "@portolan/store";
import { createLogAnswerer } from "./loops/answer-logs.ts";
import { every, type Loop } from "./loops/every.ts";
import { createBackupRemover } from "./loops/remove-backups.ts";
import { createOrphanReporter } from "./loops/report-orphans.ts";
import { createSingleFlight } from "./loops/single-flight.ts";
import { createSoonAgain } from "./loops/soon-again.ts";
import { createPlacementWaker } from "./loops/wake-placements.ts";
import { startWakeUps, type WakeUps } from "./loops/wake-ups.ts";
import { type CoordinatorDeps, createCoordinator } from "./reconcile/coordinate-chain.ts";
import { createPlacementReconciler, type PlacementReconcilerDeps } from "./reconcile/reconcile-placement.ts";

/** Orphans are rare and never urgent. */
const orphanCheckMs = 60_000;

/** Nobody waits for it. */
const backupRemovalMs = 5_000;

export interface WorkerDeps {
  coordinator: Omit<CoordinatorDeps, "onOrders">;
  placements: PlacementReconcilerDeps;
  coordination: ChainCoordination;
  centre: CentrePort;
  regions: readonly string[];
  runtimes: ReadonlyMap<string, Runtime>;
  /** Whether a region answers: one that does not is left alone, so that nothing else waits for it. Absent: all do. */
  canWork?: (region: string) => boolean;
  /** Wakes the workers of other regions. This worker's own placements need no queue. */
  producer: Pick<JobProducer, "wake">;
  onChainHint(callback: (chainId: string) => void): () => void;
  clock: Clock;
  log: Logger;
  sweepMs: number;
  concurrency: number;
}

export interface Worker {
  start(): void;
  /** A job's wake. Notifications are quicker: a pass that runs already is not run once more for it. */
  coordinate(chainId: string): void;
  reconcile(placementId: string): void;
  /** A region answers again: what waits there, for its next try or for whatever else, is looked at now. */
  recheck(region: string): void;
  /** Ends the loops and waits for the passes under way; nodes go on running. */
  close(): Promise<void>;
}

/** The two loops and everything that wakes them. */
export const createWorker = (deps: WorkerDeps): Worker => {
  const onError = (what: string) => (key: string, error: unknown) =>
    deps.log.warn({ err: error, key }, `${what} failed`);
  const reconciler = createPlacementReconciler({ ...deps.placements, isAwaited: () => placements.isCrowded() });
  const soon = createSoonAgain((id) => placements.request(id));
  const placements = createSingleFlight({
    concurrency: deps.concurrency,
    run: async (id) => {
      // Where others wait for a place, what was found waiting has its turn by a hint or when it is due.
      if ((await reconciler.reconcile(id)) === "waiting" && !placements.isCrowded()) soon.after(id);
      else soon.forget(id);
    },
    onError: onError("a placement pass"),
  });
  const coordinator = createCoordinator({
    ...deps.coordinator,
    onOrders: createPlacementWaker({
      regions: deps.regions,
      reconcile: (id) => placements.request(id),
      producer: deps.producer,
    }),
  });
  const chains = createSingleFlight({
    concurrency: deps.concurrency,
    run: async (id) => {
      await coordinator.coordinate(id);
    },
    onError: onError("a coordinator pass"),
  });
  let wakeUps: WakeUps | undefined;
  let orphans: Loop | undefined;
  let backups: Loop | undefined;
  return {
    start: () => {
      orphans = every(orphanCheckMs, createOrphanReporter(deps), (error) =>
        deps.log.warn({ err: error }, "looking for orphans failed"),
      );
      const store = deps.placements.backups;
      if (store !== undefined) {
        const runtimeFor = (region: string) => deps.runtimes.get(region);
        backups = every(backupRemovalMs, createBackupRemover({ ...deps, runtimeFor, backups: store }), (error) =>
          deps.log.warn({ err: error }, "removing backups failed"),
        );
      }
      wakeUps = startWakeUps({
        chains,
        placements,
        coordination: deps.coordination,
        centre: deps.centre,
        regions: deps.regions,
        runtimes: [...new Set(deps.runtimes.values())],
        answerLogs: createLogAnswerer({
          ...deps,
          runtimeFor: (region) => (deps.canWork?.(region) === false ? undefined : deps.runtimes.get(region)),
        }),
        onChainHint: deps.onChainHint,
        log: deps.log,
        sweepMs: deps.sweepMs,
      });
    },
    coordinate: (id) => chains.suggest(id),
    reconcile: (id) => placements.suggest(id),
    // Before the start there is nothing to do: it begins with a look at everything.
    recheck: (region) => void wakeUps?.recheck([region]),
    close: async () => {
      await Promise.all([wakeUps?.close(), orphans?.close(), backups?.close()]);
      soon.close();
      await Promise.all([chains.close(), placements.close()]);
    },
  };
};
