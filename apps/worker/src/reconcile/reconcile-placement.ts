import type { CentrePort, PlacementClaim } from "@portolan/contract";
import {
  type ChainView,
  type Clock,
  DomainError,
  type MaterialRef,
  type OperationError,
  type PlacementObservation,
  type Signer,
  type StepResult,
  toNodeHash,
  type WorkOrder,
} from "@portolan/domain";
import type { Framework, NetworkAccess } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { PlacementRef, Runtime, SecretSource } from "@portolan/runtimes";
import {
  driftMs,
  isOrderReached,
  placementBackOffMs,
  toPlacementProblem,
  toThrownProblem,
} from "./placement-verdict.ts";
import { runSteps } from "./run-steps.ts";
import { toRefs } from "./secret-refs.ts";

export interface PlacementReconcilerDeps {
  centre: CentrePort;
  runtimeFor(region: string): Runtime | undefined;
  findFramework(slug: string): Framework | undefined;
  loadAsset(framework: string, path: string): Uint8Array;
  /** This worker's X25519 pair: what was sealed to it opens only here. */
  keys: {
    publicKey: string;
    open(sealed: Uint8Array, context: { tenantId: string; chainId: string; ref: MaterialRef }): Uint8Array;
  };
  clock: Clock;
  log: Logger;
  owner: string;
  leaseMs: number;
}

export type PlacementOutcome = "busy" | "lost" | "waiting" | "reached";

const empty: PlacementObservation = { nodes: [], volumes: [] };

/** True when the runtime has nothing to do: every wanted node runs as wanted and nothing else is there. */
const isApplied = (order: WorkOrder, observation: PlacementObservation): boolean => {
  const wanted = order.blueprint?.nodes ?? [];
  const present = observation.nodes.filter((node) => node.state !== "absent");
  if (present.length !== wanted.length) return false;
  return wanted.every((node) => {
    const seen = present.find((item) => item.node === node.name);
    if (seen?.state !== "running") return false;
    return seen.appliedHash === toNodeHash(node) || (order.only !== undefined && !order.only.includes(node.name));
  });
};

/** Nodes that the gateway may still be sending to, by the last report. */
const servedBefore = (view: ChainView | null): string[] =>
  Object.entries(view?.nodes ?? {}).flatMap(([name, node]) => (node.healthy ? [name] : []));

const refKey = (ref: MaterialRef): string => `${ref.material}@${ref.version}`;

/** Picks one member of a secret that is a JSON object. */
const pick = (bytes: Uint8Array, field: string | undefined): Uint8Array => {
  if (field === undefined) return bytes;
  const member = (JSON.parse(Buffer.from(bytes).toString("utf8")) as { [name: string]: unknown })[field];
  if (typeof member !== "string")
    throw new DomainError({ code: "material.failed", message: "A secret lacks the field that the blueprint names." });
  return Buffer.from(member, "utf8");
};

/** One pass over the part of a chain in this region: reserve, apply, run steps, inspect, report by fence. */
export const createPlacementReconciler = (deps: PlacementReconcilerDeps) => {
  const { centre, clock, log } = deps;

  const openSecrets = async (claim: PlacementClaim, order: WorkOrder): Promise<SecretSource | null> => {
    const secrets = new Map<string, Uint8Array>();
    const publics = new Map<string, ReturnType<SecretSource["public"]>>();
    if (order.blueprint !== undefined) {
      const refs = toRefs(order.blueprint);
      if (refs.secrets.length > 0) {
        const answer = await centre.secrets(claim.placementId, claim.fence, refs.secrets, deps.keys.publicKey);
        if (answer.fenced) return null;
        for (const { ref, sealed } of answer.secrets) {
          secrets.set(
            refKey(ref),
            deps.keys.open(Buffer.from(sealed, "base64"), { tenantId: claim.tenantId, chainId: claim.chainId, ref }),
          );
        }
      }
      if (refs.publics.length > 0) {
        const answer = await centre.publics(claim.placementId, claim.fence, refs.publics);
        if (answer.fenced) return null;
        for (const { ref, value } of answer.items) publics.set(refKey(ref), value);
      }
    }
    const missing = (ref: MaterialRef) =>
      new DomainError({ code: "material.failed", message: `Material ${ref.material} is not there.`, retryable: true });
    return {
      secret: (ref) => {
        const bytes = secrets.get(refKey(ref));
        if (bytes === undefined) throw missing(ref);
        return pick(bytes, ref.field);
      },
      public: (ref) => {
        const value = publics.get(refKey(ref));
        if (value === undefined) throw missing(ref);
        return value;
      },
      asset: (path) => deps.loadAsset(order.chain.framework, path),
    };
  };

  const signerFor = (claim: PlacementClaim): Signer => ({
    createKey: () =>
      Promise.reject(new DomainError({ code: "custody.unavailable", message: "Keys are made at the centre only." })),
    sign: async (ref, data) => {
      const answer = await centre.sign(claim.placementId, claim.fence, ref, data);
      if (answer.fenced) throw new DomainError({ code: "lease.lost", message: "The lease was lost.", retryable: true });
      return answer.signature;
    },
  });

  const apply = async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    ref: PlacementRef,
  ): Promise<"fenced" | "done"> => {
    switch (order.action) {
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
        const down = servedBefore(claim.previousView).filter(
          (name) => before.nodes.find((node) => node.node === name)?.state !== "running",
        );
        if (down.length > 0 && (await centre.reportDown(claim.placementId, claim.fence, down)).fenced) return "fenced";
        const secrets = await openSecrets(claim, order);
        if (secrets === null) return "fenced";
        await runtime.apply(ref, order.blueprint, secrets, claim.fence, order.only);
        return "done";
      }
    }
  };

  const reserve = async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    ref: PlacementRef,
  ): Promise<boolean> => {
    const isComplete = order.nodes.every((node) =>
      node.ports.every((port) =>
        claim.addresses.some((address) => address.node === node.name && address.port === port.name),
      ),
    );
    if (isComplete || (order.action !== "reserve" && order.action !== "run")) return true;
    const addresses = await runtime.reserve(ref, order.nodes, claim.fence);
    return !(await centre.reportAddresses(claim.placementId, claim.fence, addresses)).fenced;
  };

  interface Seen {
    observation: PlacementObservation;
    view: ChainView | null;
    results: StepResult[];
    isFenced: boolean;
  }

  const look = async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    ref: PlacementRef,
    signal: AbortSignal,
  ): Promise<Seen> => {
    const framework = deps.findFramework(order.chain.framework);
    let observation = await runtime.observe(ref);
    if (order.action !== "run" || framework === undefined)
      return { observation, view: null, results: [], isFenced: false };
    const access: NetworkAccess = {
      region: claim.region,
      dial: (node, port) => runtime.dial(ref, node, port),
      observations: observation.nodes,
      signal,
      now: clock.now(),
    };
    const inspect = () =>
      framework.inspect({ chain: order.chain, nodes: order.nodes, previous: claim.previousView, access });
    const isUp = observation.nodes.some((node) => node.state === "running");
    let view = isUp ? await inspect() : claim.previousView === null ? null : unwell(claim.previousView, clock.now());
    if (!isUp || order.steps.length === 0)
      return { observation, view, results: [...claim.stepResults], isFenced: false };

    const wanted = new Set(order.steps.map((step) => step.key));
    const { results, isFenced } = await runSteps({
      framework,
      steps: order.steps,
      results: claim.stepResults.filter((result) => wanted.has(result.key)),
      access,
      signer: signerFor(claim),
      clock,
      onResult: async (result) => !(await centre.reportStep(claim.placementId, claim.fence, result)).fenced,
    });
    if (isFenced) return { observation, view, results, isFenced };
    observation = await runtime.observe(ref);
    view = await inspect();
    return { observation, view, results, isFenced: false };
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
      if ((await apply(claim, order, runtime, ref)) === "fenced") return "lost";
      seen = await look(claim, order, runtime, ref, signal);
    } catch (error) {
      if (error instanceof DomainError && error.code === "runtime.fence_stale") return "lost";
      log.warn({ err: error, placementId: claim.placementId }, "a pass over a placement failed");
      problem = toThrownProblem(error);
      seen = { ...seen, observation: await runtime.observe(ref).catch(() => empty) };
    }
    if (seen.isFenced || signal.aborted) return "lost";
    problem ??= toPlacementProblem(order, seen.observation, seen.results);
    const isReached = problem === null && isOrderReached(order, seen.observation, seen.view, seen.results);
    const delayMs = isReached ? driftMs : placementBackOffMs(claim.generation === claim.observedGeneration ? 1 : 2);
    const reported = await centre.report({
      placementId: claim.placementId,
      fence: claim.fence,
      generation: order.generation,
      observation: seen.observation,
      view: seen.view,
      stepResults: seen.results,
      isReached,
      nextAt: new Date(clock.now().getTime() + delayMs),
      ...(problem === null ? {} : { problem }),
    });
    if (reported.fenced) return "lost";
    return isReached ? "reached" : "waiting";
  };

  /** Keeps the lease while a pass runs; a lost one aborts what the pass waits for. */
  const withLease = async (
    claim: PlacementClaim,
    work: (signal: AbortSignal) => Promise<PlacementOutcome>,
  ): Promise<PlacementOutcome> => {
    const lost = new AbortController();
    const timer = setInterval(() => {
      centre
        .renew(claim.placementId, claim.fence, deps.leaseMs)
        .then((answer) => {
          if (answer.fenced) lost.abort();
        })
        .catch((error: unknown) =>
          log.warn({ err: error, placementId: claim.placementId }, "a lease could not be renewed"),
        );
    }, deps.leaseMs / 3);
    try {
      return await work(lost.signal);
    } finally {
      clearInterval(timer);
    }
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
      return withLease(claim, (signal) => pass(claim, order, runtime, signal));
    },
  };
};

/** The last view, with every node unwell: nothing runs, so nothing answers. */
const unwell = (view: ChainView, now: Date): ChainView => ({
  ...view,
  at: now.toISOString(),
  nodes: Object.fromEntries(
    Object.entries(view.nodes).map(([name, node]) => [name, { ...node, healthy: false, reason: "not running" }]),
  ),
});
