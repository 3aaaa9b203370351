import { setTimeout as sleep } from "node:timers/promises";
import type { CentrePort, PlacementClaim } from "@portolan/contract";
import {
  type Blueprint,
  type ChainView,
  type Clock,
  DomainError,
  hasRegistriesOf,
  isShownAsWished,
  type NodeObservation,
  type OperationError,
  type PlacementObservation,
  type StepResult,
  toNodeHash,
  type WorkOrder,
} from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { PlacementRef, Runtime, SecretSource, SnapshotStore } from "@portolan/runtimes";
import { createDataCopier } from "./copy-data.ts";
import { createLeaseKeeper } from "./keep-leases.ts";
import { createLook, type Seen } from "./look.ts";
import { createSecretOpener, type SecretOpenerDeps } from "./open-secrets.ts";
import {
  isOrderReached,
  nextLook,
  placementBackOffMs,
  toPlacementProblem,
  toThrownProblem,
} from "./placement-verdict.ts";

export interface PlacementReconcilerDeps extends SecretOpenerDeps {
  centre: CentrePort;
  runtimeFor(region: string): Runtime | undefined;
  findFramework(slug: string): Framework | undefined;
  clock: Clock;
  log: Logger;
  owner: string;
  leaseMs: number;
  /** Where this worker keeps backups; absent: it takes none. */
  backups?: SnapshotStore;
  /** How long a pass waits for what it has started before it reports; none unless told. */
  settleMs?: number;
  /** Whether others wait for this pass to end: then it does not settle. */
  isAwaited?: () => boolean;
}

export type PlacementOutcome = "busy" | "lost" | "waiting" | "reached";

/** One pass's subject and hold. */
interface Turn {
  claim: PlacementClaim;
  order: WorkOrder;
  runtime: Runtime;
  ref: PlacementRef;
  signal: AbortSignal;
}

const settleEveryMs = 8;
/** A look that took long is rested from for so many times as long: many passes that wait must leave time for the rest. */
const settleRests = 4;

const empty: PlacementObservation = { nodes: [], volumes: [] };

/** True when the runtime has nothing to do: all is as it was applied, every wanted node runs, nothing else is there. */
const isApplied = (order: WorkOrder, observation: PlacementObservation): boolean => {
  if (observation.isUnsettled === true || !hasRegistriesOf(order.blueprint ?? {}, observation)) return false;
  const wanted = order.blueprint?.nodes ?? [];
  const present = observation.nodes.filter((node) => node.state !== "absent");
  if (present.length !== wanted.length) return false;
  return wanted.every((node) => {
    const seen = present.find((item) => item.node === node.name);
    if (seen?.state !== "running") return false;
    return seen.appliedHash === toNodeHash(node) || (order.only !== undefined && !order.only.includes(node.name));
  });
};

/** Nodes that applying the order starts anew: those that are down, and those that are changed. */
const toBeStarted = (order: WorkOrder, blueprint: Blueprint, observation: PlacementObservation): Set<string> => {
  const hashes = new Map(blueprint.nodes.map((node) => [node.name, toNodeHash(node)]));
  const isKept = (node: NodeObservation): boolean =>
    node.state === "running" &&
    (node.appliedHash === hashes.get(node.node) || order.only?.includes(node.node) === false);
  const kept = new Set(observation.nodes.filter(isKept).map((node) => node.node));
  return new Set([...hashes.keys()].filter((name) => !kept.has(name)));
};

/** Nodes that the gateway may still be sending to, by the last report. */
const servedBefore = (view: ChainView | null): string[] =>
  Object.entries(view?.nodes ?? {}).flatMap(([name, node]) => (node.healthy ? [name] : []));

/** One pass over the part of a chain in this region: reserve, apply, run steps, inspect, report by fence. */
export const createPlacementReconciler = (deps: PlacementReconcilerDeps) => {
  const { centre, clock, log } = deps;
  const openSecrets = createSecretOpener(deps);
  const look = createLook(deps);
  const copyData = createDataCopier(deps);
  const leases = createLeaseKeeper(deps);

  const apply = async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    ref: PlacementRef,
  ): Promise<"fenced" | "done" | StepResult> => {
    switch (order.action) {
      case "snapshot":
      case "verify":
      case "restore":
        return (await copyData(claim, order, runtime, ref)) ?? "fenced";
      case "reserve":
        return "done";
      case "stop":
        await runtime.stop(ref, claim.fence);
        return "done";
      case "remove":
      case "purge":
        await runtime.destroy(ref, { volumes: order.action === "purge", fence: claim.fence });
        return "done";
      case "run": {
        if (order.blueprint === undefined) return "done";
        const before = await runtime.observe(ref);
        if (isApplied(order, before)) return "done";
        const starting = toBeStarted(order, order.blueprint, before);
        const down = servedBefore(claim.previousView).filter((name) => starting.has(name));
        if (down.length > 0 && (await centre.reportDown(claim.placementId, claim.fence, down)).fenced) return "fenced";
        const secrets = await openSecrets(claim, order);
        if (secrets === null) return "fenced";
        await runtime.apply(ref, order.blueprint, secrets, claim.fence, order.only);
        return "done";
      }
    }
  };

  /**
   * A start takes moments: waiting for it here saves the reports that would say "not yet", and the passes of the
   * coordinator that each would cause. Only where no step is to be run: a step's result is reported at once.
   */
  const settle = async (turn: Turn, first: Seen): Promise<Seen> => {
    const { claim, order, runtime, ref, signal } = turn;
    const endsAt = performance.now() + (deps.settleMs ?? 0);
    let seen = first;
    let isLookOld = false;
    let secrets: SecretSource | null | undefined;
    let turnMs = 0;
    const isOpen = (): boolean =>
      !signal.aborted &&
      performance.now() < endsAt &&
      deps.isAwaited?.() !== true &&
      toPlacementProblem(order, seen.observation, seen.results) === null &&
      !isOrderReached(order, seen.observation, seen.view, seen.results);
    while (order.action === "run" && order.blueprint !== undefined && order.steps.length === 0 && isOpen()) {
      await sleep(Math.max(settleEveryMs, settleRests * turnMs));
      const begunAt = performance.now();
      const observation = await runtime.observe(ref);
      if (isApplied(order, observation)) {
        seen = await look(claim, order, runtime, ref, signal);
        turnMs = performance.now() - begunAt;
        isLookOld = false;
        continue;
      }
      secrets ??= await openSecrets(claim, order);
      if (secrets === null) return { ...seen, isFenced: true };
      await runtime.apply(ref, order.blueprint, secrets, claim.fence, order.only);
      turnMs = performance.now() - begunAt;
      // To ask a network of many nodes while they start would take the time from them that they start with.
      seen = { ...seen, observation };
      isLookOld = true;
    }
    return isLookOld ? look(claim, order, runtime, ref, signal) : seen;
  };

  const reserve = async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    ref: PlacementRef,
  ): Promise<boolean> => {
    const { exposure } = runtime.capabilities;
    const isComplete = order.nodes.every((node) =>
      node.ports.every((port) =>
        claim.addresses.some(
          (address) =>
            address.node === node.name && address.port === port.name && isShownAsWished(port, address, exposure),
        ),
      ),
    );
    if (isComplete || (order.action !== "reserve" && order.action !== "run")) return true;
    const addresses = await runtime.reserve(ref, order.nodes, claim.fence);
    return !(await centre.reportAddresses(claim.placementId, claim.fence, addresses)).fenced;
  };

  const pass = async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    signal: AbortSignal,
  ): Promise<PlacementOutcome> => {
    const ref: PlacementRef = {
      placementId: claim.placementId,
      chainId: claim.chainId,
      tenantId: claim.tenantId,
      region: claim.region,
    };
    let problem: OperationError | null = null;
    let seen: Seen = { observation: empty, view: claim.previousView, results: [...claim.stepResults], isFenced: false };
    try {
      if (!(await reserve(claim, order, runtime, ref))) return "lost";
      const applied = await apply(claim, order, runtime, ref);
      if (applied === "fenced") return "lost";
      seen = await settle({ claim, order, runtime, ref, signal }, await look(claim, order, runtime, ref, signal));
      if (applied !== "done") seen = { ...seen, results: [applied] };
    } catch (error) {
      if (error instanceof DomainError && error.code === "runtime.fence_stale") return "lost";
      log.warn({ err: error, placementId: claim.placementId }, "a pass over a placement failed");
      problem = toThrownProblem(error);
      const observation = await runtime.observe(ref).catch(() => null);
      if (observation === null) {
        // What can't be seen is not known, which is not the same as gone: nothing is reported, and the silence shows.
        await centre.release(claim.placementId, claim.fence);
        return "waiting";
      }
      seen = { ...seen, observation };
    }
    if (seen.isFenced || signal.aborted) return "lost";
    problem ??= toPlacementProblem(order, seen.observation, seen.results);
    const isReached = problem === null && isOrderReached(order, seen.observation, seen.view, seen.results, "chain");
    const hasOpenParts = isReached && !isOrderReached(order, seen.observation, seen.view, seen.results);
    const now = clock.now();
    const backOff = new Date(now.getTime() + placementBackOffMs(claim.attempts));
    const reported = await centre.report({
      placementId: claim.placementId,
      fence: claim.fence,
      generation: order.generation,
      observation: seen.observation,
      view: seen.view,
      stepResults: seen.results,
      isReached,
      hasOpenParts,
      nextAt: isReached && !hasOpenParts ? nextLook(order, seen.observation, now) : backOff,
      ...(problem === null ? {} : { problem }),
    });
    if (reported.fenced) return "lost";
    return isReached ? "reached" : "waiting";
  };

  return {
    reconcile: async (placementId: string): Promise<PlacementOutcome> => {
      const claim = await centre.claim(placementId, { id: deps.owner, leaseMs: deps.leaseMs });
      if (claim === null) return "busy";
      const runtime = deps.runtimeFor(claim.region);
      if (claim.order === null || runtime === undefined) {
        await centre.release(claim.placementId, claim.fence);
        return "waiting";
      }
      const order = claim.order;
      return leases.keep(claim, (signal) => pass(claim, order, runtime, signal));
    },
  };
};
