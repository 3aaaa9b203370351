import type { CentrePort } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { Runtime } from "@portolan/runtimes";

/**
 * Tells of everything that carries our label and has no row. Nothing is deleted on sight: a row may be in a backup that
 * somebody is about to restore. Told once each, and again after a restart.
 */
export const createOrphanReporter = (deps: {
  centre: Pick<CentrePort, "known">;
  runtimes: ReadonlyMap<string, Runtime>;
  canWork?: (region: string) => boolean;
  log: Pick<Logger, "warn">;
}) => {
  const told = new Set<string>();
  const look = async (runtime: Runtime, regions: readonly string[]): Promise<void> => {
    // The inventory first: a row exists before anything is made for it, so what is made later is not mistaken.
    const items = await runtime.inventory();
    const known = new Set((await Promise.all(regions.map((region) => deps.centre.known(region)))).flat());
    for (const { placementId, kind, name } of items) {
      const label = `${placementId}/${kind}/${name}`;
      if (known.has(placementId) || told.has(label)) continue;
      told.add(label);
      deps.log.warn({ placementId, kind, name, regions }, "an orphan: it carries our label and has no row; left alone");
    }
  };
  return async (): Promise<void> => {
    // One runtime may serve several regions: what any of them knows is no orphan.
    const byRuntime = new Map<Runtime, string[]>();
    for (const [region, runtime] of deps.runtimes)
      if (deps.canWork?.(region) !== false) byRuntime.set(runtime, [...(byRuntime.get(runtime) ?? []), region]);
    for (const [runtime, regions] of byRuntime) {
      try {
        await look(runtime, regions);
      } catch (err) {
        deps.log.warn({ err, regions }, "looking for orphans failed");
      }
    }
  };
};
