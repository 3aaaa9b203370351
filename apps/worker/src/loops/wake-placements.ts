import type { JobProducer } from "@portolan/jobs";

/**
 * Wakes those who carry changed orders out: this worker's own pass at once, the workers of other regions by their
 * queue. A wake that is lost costs the time until that region's sweep.
 */
export const createPlacementWaker =
  (deps: { regions: readonly string[]; reconcile(placementId: string): void; producer: Pick<JobProducer, "wake"> }) =>
  (placements: readonly { id: string; region: string }[]): void => {
    for (const { id, region } of placements) {
      if (deps.regions.includes(region)) deps.reconcile(id);
      else void deps.producer.wake("placement.reconcile", { placementId: id, region });
    }
  };
