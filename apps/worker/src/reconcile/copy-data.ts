import type { CentrePort, PlacementClaim } from "@portolan/contract";
import {
  backupResultKey,
  type Clock,
  canonicalJson,
  DomainError,
  type NodeAddress,
  type StepResult,
  type WorkOrder,
} from "@portolan/domain";
import type { PlacementRef, Runtime, SnapshotStore } from "@portolan/runtimes";

export interface CopyDataDeps {
  centre: Pick<CentrePort, "reportAddresses">;
  /** Where this worker keeps copies; absent: it takes none. */
  backups?: SnapshotStore;
  clock: Clock;
}

const noStore = (): DomainError =>
  new DomainError({ code: "backup.unsupported", message: "This region has no store for backups." });

/** A runtime whose addresses are names of its own gives others than were wished: certificates would not fit them. */
const demandSame = (given: readonly NodeAddress[], wished: readonly NodeAddress[] = []): void => {
  const other = wished.find(
    ({ node, port, host, number }) =>
      !given.some((each) => each.node === node && each.port === port && each.host === host && each.number === number),
  );
  if (other === undefined) return;
  throw new DomainError({
    code: "address.taken",
    message: `The address ${other.host}:${other.number} of ${other.node} is not one that this region gives.`,
    hint: "Import it into a region that gives its nodes the same addresses.",
  });
};

/**
 * One region's part of a backup or a restore, with its nodes stopped. Answers the result to report; null: the lease was
 * lost. What has succeeded under this order is not done again.
 */
export const createDataCopier = (deps: CopyDataDeps) => {
  /** A machine that was lost knows no addresses: the same ones, or new ones that the centre has to hear of. */
  const reserveAnew = async (claim: PlacementClaim, order: WorkOrder, runtime: Runtime, ref: PlacementRef) => {
    const wished = order.backup?.keepsAddresses === true ? claim.addresses : undefined;
    const addresses = await runtime.reserve(ref, order.nodes, claim.fence, wished);
    demandSame(addresses, wished);
    const known = new Set(claim.addresses.map((address) => canonicalJson(address)));
    if (addresses.every((address) => known.has(canonicalJson(address)))) return true;
    return !(await deps.centre.reportAddresses(claim.placementId, claim.fence, addresses)).fenced;
  };

  return async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    ref: PlacementRef,
  ): Promise<StepResult | null> => {
    const { backup } = order;
    const store = deps.backups;
    if (backup === undefined || store === undefined) throw noStore();
    const key = backupResultKey(backup.id, order.action);
    const startedAt = deps.clock.now().toISOString();
    await runtime.stop(ref, claim.fence);
    const former = claim.stepResults.find((result) => result.key === key && result.state === "succeeded");
    if (former !== undefined) return former;
    const snapshot = { name: backup.id, ...(backup.digest === undefined ? {} : { digest: backup.digest }) };
    let output: StepResult["output"];
    if (order.action === "snapshot") output = { ...(await runtime.snapshot(ref, store, backup.id, claim.fence)) };
    else if (order.action === "verify") {
      if (!(await reserveAnew(claim, order, runtime, ref))) return null;
      const { sizeBytes } = backup;
      await runtime.stage(ref, store, { ...snapshot, ...(sizeBytes === undefined ? {} : { sizeBytes }) }, claim.fence);
    } else await runtime.restore(ref, store, snapshot, claim.fence);
    const endedAt = deps.clock.now().toISOString();
    return { key, state: "succeeded", startedAt, endedAt, ...(output === undefined ? {} : { output }) };
  };
};
