import type { CentrePort, Lease } from "@portolan/contract";
import type { Logger } from "@portolan/kit";

/** How often within a lease its end is moved: a turn that fails, or passes one over, leaves time for others. */
const turnsPerLease = 5;

const toLease = ({ placementId, fence }: Lease): Lease => ({ placementId, fence });
const toName = ({ placementId, fence }: Lease): string => `${placementId}/${fence}`;

/**
 * Keeps the leases of all passes that run, with one call for all of them: as many passes as may run would else ask each
 * for itself, behind whatever else the worker has to say. A lease that was lost aborts what its pass waits for.
 */
export const createLeaseKeeper = (deps: {
  centre: Pick<CentrePort, "renew">;
  leaseMs: number;
  log: Pick<Logger, "warn">;
}) => {
  const held = new Map<Lease, AbortController>();
  let timer: NodeJS.Timeout | undefined;
  let isAsking = false;

  const renew = async (): Promise<void> => {
    const { lost } = await deps.centre.renew([...held.keys()].map(toLease), deps.leaseMs);
    const gone = new Set(lost.map(toName));
    for (const [lease, controller] of held) if (gone.has(toName(lease))) controller.abort();
  };
  const turn = (): void => {
    if (isAsking) return;
    isAsking = true;
    renew()
      .catch((error: unknown) => deps.log.warn({ err: error, leases: held.size }, "leases could not be renewed"))
      .finally(() => {
        isAsking = false;
      });
  };

  return {
    keep: async <T>(lease: Lease, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
      const lost = new AbortController();
      held.set(lease, lost);
      timer ??= setInterval(turn, deps.leaseMs / turnsPerLease);
      try {
        return await work(lost.signal);
      } finally {
        held.delete(lease);
        if (held.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      }
    },
  };
};
