import type { CentrePort, PlacementClaim } from "@portolan/contract";
import {
  type ChainView,
  type Clock,
  DomainError,
  type PlacementObservation,
  type Signer,
  type StepResult,
  type WorkOrder,
} from "@portolan/domain";
import type { Framework, NetworkAccess } from "@portolan/frameworks";
import type { PlacementRef, Runtime } from "@portolan/runtimes";
import { keepVigil } from "./keep-vigil.ts";
import { runSteps } from "./run-steps.ts";

/** How soon the death of a node ends the steps that may be waiting for it. */
const vigilMs = 1_000;

export interface Seen {
  observation: PlacementObservation;
  view: ChainView | null;
  results: StepResult[];
  isFenced: boolean;
}

export interface LookDeps {
  centre: Pick<CentrePort, "sign" | "reportStep">;
  findFramework(slug: string): Framework | undefined;
  clock: Clock;
}

/** For how long what succeeded is believed to have lasted, whatever is listed. */
const standMs = 5_000;

/** The last view, with every node unwell: nothing runs, so nothing answers. */
const unwell = (view: ChainView | null, now: Date): ChainView | null =>
  view === null
    ? null
    : {
        ...view,
        at: now.toISOString(),
        nodes: Object.fromEntries(
          Object.entries(view.nodes).map(([name, node]) => [name, { ...node, healthy: false, reason: "not running" }]),
        ),
      };

/** What is known of a network that is at rest stays known, until nothing of it is left. */
const atRest = (claim: PlacementClaim, order: WorkOrder, now: Date): ChainView | null =>
  order.action === "purge" ? null : unwell(claim.previousView, now);

/** Observes the machines, looks inside the network and runs the order's steps in it. */
export const createLook = (deps: LookDeps) => {
  const { centre, clock } = deps;

  const signerFor = (claim: PlacementClaim): Signer => ({
    createKey: () =>
      Promise.reject(new DomainError({ code: "custody.unavailable", message: "Keys are made at the centre only." })),
    sign: async (ref, data) => {
      const answer = await centre.sign(claim.placementId, claim.fence, ref, data);
      if (answer.fenced) throw new DomainError({ code: "lease.lost", message: "The lease was lost.", retryable: true });
      return answer.signature;
    },
  });

  return async (
    claim: PlacementClaim,
    order: WorkOrder,
    runtime: Runtime,
    ref: PlacementRef,
    signal: AbortSignal,
  ): Promise<Seen> => {
    const framework = deps.findFramework(order.chain.framework);
    let observation = await runtime.observe(ref);
    if (order.action !== "run" || framework === undefined)
      return { observation, view: atRest(claim, order, clock.now()), results: [], isFenced: false };
    const access: NetworkAccess = {
      region: claim.region,
      dial: (node, port) => runtime.dial(ref, node, port),
      observations: observation.nodes,
      signal,
      now: clock.now(),
    };
    const signer = signerFor(claim);
    const inspect = () =>
      framework.inspect({ chain: order.chain, nodes: order.nodes, previous: claim.previousView, access, signer });
    const isUp = observation.nodes.some((node) => node.state === "running");
    if (!isUp || order.steps.length === 0) {
      const seen = isUp ? await inspect() : unwell(claim.previousView, clock.now());
      return { observation, view: seen, results: [...claim.stepResults], isFenced: false };
    }
    const wanted = new Set(order.steps.map((step) => step.key));
    const isOpen = claim.observedGeneration < claim.generation;
    const mayStand = ({ endedAt }: StepResult): boolean => clock.now().getTime() - Date.parse(endedAt) < standMs;
    const vigil = keepVigil({ nodes: observation.nodes, observe: () => runtime.observe(ref), everyMs: vigilMs });
    const { results, isFenced } = await runSteps({
      framework,
      steps: order.steps,
      // Reached, and still listed: what succeeded then has not lasted, so it is done again; not at once, since the
      // coordinator may only not have looked yet.
      results: claim.stepResults.filter(
        (result) => wanted.has(result.key) && (result.state === "failed" || isOpen || mayStand(result)),
      ),
      chain: order.chain,
      access: { ...access, signal: AbortSignal.any([signal, vigil.signal]) },
      signer,
      clock,
      onResult: async (result) => !(await centre.reportStep(claim.placementId, claim.fence, result)).fenced,
    }).finally(vigil.end);
    if (isFenced) return { observation, view: claim.previousView, results, isFenced };
    observation = await runtime.observe(ref);
    return { observation, view: await inspect(), results, isFenced: false };
  };
};
