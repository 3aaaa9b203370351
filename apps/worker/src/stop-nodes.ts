import type { CentrePort } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { Runtime } from "@portolan/runtimes";

/** Many more would wait for the database's connections longer than those wait for them. */
const atOnce = 32;

/** Runs `work` for each, some at a time; the failures. */
const forEach = async (items: readonly string[], work: (item: string) => Promise<void>): Promise<unknown[]> => {
  const failures: unknown[] = [];
  const left = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const item of left) await work(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return failures;
};

/**
 * Stops the programs of every placement of these regions without touching what anybody wishes: the next start finds
 * the wish unchanged and starts them again. Used when the whole installation stops.
 */
export const stopNodes = async (deps: {
  centre: CentrePort;
  runtimes: ReadonlyMap<string, Runtime>;
  owner: string;
  leaseMs: number;
  log: Logger;
}): Promise<void> => {
  const stopOne = async (region: string, runtime: Runtime, placementId: string) => {
    const claim = await deps.centre.claim(placementId, { id: deps.owner, leaseMs: deps.leaseMs });
    if (claim === null) {
      deps.log.warn({ placementId }, "a placement is in other hands; its nodes are left to them");
      return;
    }
    const served = Object.keys(claim.previousView?.nodes ?? {});
    if (served.length > 0) await deps.centre.reportDown(placementId, claim.fence, served);
    await runtime.stop({ placementId, chainId: claim.chainId, tenantId: claim.tenantId, region }, claim.fence);
    // Due at once: the next start must not wait for this lease's end.
    await deps.centre.release(placementId, claim.fence, new Date(0));
  };
  const stopRegion = async (region: string, runtime: Runtime) => {
    const running = new Set(
      (await runtime.inventory()).filter((item) => item.kind === "program").map((item) => item.placementId),
    );
    const known = (await deps.centre.known(region)).filter((id) => running.has(id));
    for (const err of await forEach(known, (id) => stopOne(region, runtime, id)))
      deps.log.error({ err }, "a placement's nodes could not be stopped");
  };
  // A region that does not answer keeps no other's nodes running.
  await Promise.all(
    [...deps.runtimes].map(([region, runtime]) =>
      stopRegion(region, runtime).catch((err: unknown) =>
        deps.log.error({ err, region }, "the region's nodes could not be stopped"),
      ),
    ),
  );
};
