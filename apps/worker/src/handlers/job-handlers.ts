import type { JobHandlers } from "@portolan/jobs";

export interface JobHandlerDeps {
  coordinate(chainId: string): void;
  reconcile(placementId: string): void;
  sweep(): Promise<void>;
  sealAudit(): Promise<unknown>;
  meterStorage(): Promise<unknown>;
  prune(): Promise<void>;
}

/**
 * What each job does. The queue only wakes: a job is over as soon as the pass is asked for, so that a long pass never
 * holds a job's lock, and a lost or doubled job costs nothing.
 */
export const createJobHandlers = (deps: JobHandlerDeps): JobHandlers => ({
  "chain.coordinate": async ({ chainId }) => deps.coordinate(chainId),
  "placement.reconcile": async ({ placementId }) => deps.reconcile(placementId),
  "reconcile.sweep": () => deps.sweep(),
  "audit.seal": async () => {
    await deps.sealAudit();
  },
  "usage.storage": async () => {
    await deps.meterStorage();
  },
  "store.prune": () => deps.prune(),
});
