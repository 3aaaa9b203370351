import type {
  AddressesByRegion,
  ChainSpec,
  Clock,
  MaterialItem,
  NewMaterialItem,
  NodeSpec,
  OperationKind,
  Random,
  Signer,
} from "@portolan/domain";
import { isShownAsWished, toOperationError, withRegistries } from "@portolan/domain";
import {
  type Framework,
  type OperatorConfig,
  type RegionFacts,
  type RuntimeCapabilities,
  withinReach,
} from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { ChainCoordination, ChainWork, SealedMaterial, SealedRow } from "@portolan/store";
import type { Copying, CopyTurn } from "./copy-turn.ts";
import { afterTrial, isOnTrial, toCopyTurn } from "./copying.ts";
import { decide } from "./decide.ts";
import { type Desired, ownNodes } from "./desired.ts";
import { withLeaving } from "./leaving.ts";
import { toOnly } from "./rollout.ts";

export interface CoordinatorDeps {
  chains: ChainCoordination;
  findFramework(slug: string): Framework | undefined;
  /** Signs by reference with this chain's authorities. */
  signerFor(spec: Pick<ChainSpec, "tenantId" | "chainId">): Signer;
  seal(spec: Pick<ChainSpec, "tenantId" | "chainId">, item: NewMaterialItem): Promise<Uint8Array | null>;
  /** Seals for the chain's tenant what is sealed for the one it was adopted from. */
  reseal(spec: Pick<ChainSpec, "tenantId" | "chainId">, sealedFor: string, row: SealedRow): Promise<SealedRow>;
  random: Random;
  clock: Clock;
  operator: OperatorConfig;
  log: Logger;
  owner: string;
  leaseMs: number;
  /** Called after commit with placements whose order is new. */
  onOrders(placements: readonly { id: string; region: string }[]): void;
}

export type CoordinateOutcome = "busy" | "lost" | "done";

/** Before a region's worker has said what its runtime can do, nothing special is assumed of it. */
const unknownCapabilities: RuntimeCapabilities = {
  isolation: "none",
  hasStorageExpansion: false,
  hasSnapshots: false,
  exposures: ["internal", "admin", "gateway"],
};

/**
 * A renewal is an operation of its own; outside of it nothing is due, except where every node is started anyhow (and
 * might refuse to, with a certificate that ran out while it was paused).
 */
const renewing: ReadonlySet<OperationKind> = new Set(["chain.renew", "chain.resume", "chain.restore", "chain.import"]);

const isDue = (item: MaterialItem, now: Date): boolean => item.renewAt !== undefined && new Date(item.renewAt) <= now;

const withoutRenewal = ({ renewAt: _renewAt, ...item }: MaterialItem): MaterialItem => item;

const nextRenewal = (material: readonly MaterialItem[]): Date | null => {
  const times = material.flatMap((item) => (item.renewAt === undefined ? [] : [new Date(item.renewAt)]));
  return times.length === 0 ? null : new Date(Math.min(...times.map((time) => time.getTime())));
};

const capabilitiesOf = (work: ChainWork, region: string): RuntimeCapabilities | null =>
  (work.regions[region]?.capabilities ?? null) as RuntimeCapabilities | null;

const addressesOf = (work: ChainWork): AddressesByRegion =>
  Object.fromEntries(work.placements.map((placement) => [placement.region, placement.addresses]));

/** A port that is not to be shown outside any more is no reason to wait: what is made next does without. */
const hasAllAddresses = (nodes: readonly NodeSpec[], addresses: AddressesByRegion, work: ChainWork): boolean =>
  nodes.every((node) => {
    const exposure = capabilitiesOf(work, node.region)?.exposure;
    return node.ports.every((port) =>
      (addresses[node.region] ?? []).some(
        (address) =>
          address.node === node.name &&
          address.port === port.name &&
          (address.outside !== undefined || isShownAsWished(port, address, exposure)),
      ),
    );
  });

const toImpossible = (nodes: readonly NodeSpec[], error: unknown): Desired => ({
  kind: "impossible",
  nodes,
  problem: toOperationError(error, {
    code: "material.failed",
    message: "The chain's keys or files could not be made.",
    hint: "The worker's log names the cause.",
    retryable: true,
  }),
});

/**
 * One pass of the chain coordinator: reads wish and observation under the chain's lease, lets the framework say what
 * it wants, and writes orders, conditions and the operation's standing. Level-triggered: every pass starts from rows.
 */
export const createCoordinator = (deps: CoordinatorDeps) => {
  const { chains, clock, log } = deps;

  /** Makes and seals what is missing or due. Null: the lease was lost. */
  const ensureMaterial = async (
    work: ChainWork,
    framework: Framework,
    addresses: AddressesByRegion,
  ): Promise<MaterialItem[] | null> => {
    const now = clock.now();
    const mayRenew = !work.hasRun || (work.operation !== null && renewing.has(work.operation.kind));
    const existing = mayRenew ? work.material : work.material.map(withoutRenewal);
    const made = await framework.material(work.spec, existing, {
      addresses,
      signer: deps.signerFor(work.spec),
      random: deps.random,
      now,
      operator: deps.operator,
    });
    const renewed = new Set(made.map((item) => item.name));
    // Another plane's document may have what no framework knows: due for ever, it would be renewed without end.
    const unknown = new Set(
      existing.filter((item) => isDue(item, now) && !renewed.has(item.name)).map((item) => item.name),
    );
    if (made.length + unknown.size === 0) return [...work.material];
    const sealed: SealedMaterial[] = [];
    for (const { secret, ...item } of made) {
      sealed.push({ ...item, sealed: await deps.seal(work.spec, secret === undefined ? item : { ...item, secret }) });
    }
    if (!(await chains.saveMaterial(work, sealed, [...unknown]))) return null;
    const fresh = made.map(({ secret: _secret, ...item }) => item);
    const kept = work.material.filter((item) => !renewed.has(item.name));
    const settled = kept.map((item) => (unknown.has(item.name) ? withoutRenewal(item) : item));
    return [...settled, ...fresh].sort((a, b) => (a.name < b.name ? -1 : 1));
  };

  const toDesired = async (
    work: ChainWork,
    framework: Framework,
    copying: Copying | null,
  ): Promise<{ desired: Desired; material: readonly MaterialItem[] } | null> => {
    let nodes: readonly NodeSpec[] = [];
    try {
      // What is to rest or go needs no blueprint: a chain whose settings no longer parse can still be deleted.
      if (work.wish !== "running" && copying === null)
        return { desired: { kind: "resting", nodes }, material: work.material };
      nodes = framework.topology(work.spec);
      if (copying !== null) return { desired: { kind: "copying", nodes, copying }, material: work.material };
      const addresses = addressesOf(work);
      if (!hasAllAddresses(nodes, addresses, work)) {
        const isOfParts = hasAllAddresses(ownNodes({ nodes }), addresses, work);
        return { desired: { kind: "waitingForAddresses", nodes, isOfParts }, material: work.material };
      }
      const material = await ensureMaterial(work, framework, addresses);
      if (material === null) return null;
      const regions: RegionFacts = {};
      for (const placement of work.placements) {
        const capabilities = capabilitiesOf(work, placement.region) ?? unknownCapabilities;
        regions[placement.region] = { placementId: placement.id, capabilities };
      }
      const operator = withinReach(
        deps.operator,
        Object.values(regions).map(({ capabilities }) => capabilities),
      );
      const rendered = framework.blueprint(work.spec, material, { regions, addresses, operator });
      const blueprints = Object.fromEntries(
        Object.entries(rendered).map(([region, one]) => [region, withRegistries(one, work.registries)]),
      );
      const steps = work.view === null ? [] : framework.steps(work.spec, material, work.view, clock.now(), addresses);
      const only = toOnly({ framework, work, nodes, blueprints, material, view: work.view });
      const inspection = framework.inspection?.(work.spec, material, addresses);
      const signers = framework.signers?.(work.spec, material) ?? [];
      const wanted: Desired = { kind: "wanted", nodes, blueprints, steps, only, signers };
      return { desired: inspection === undefined ? wanted : { ...wanted, inspection }, material };
    } catch (error) {
      log.error({ err: error, chainId: work.spec.chainId }, "the framework could not say what the chain needs");
      return { desired: toImpossible(nodes, error), material: work.material };
    }
  };

  /** Null: the lease was lost. */
  const toTriedTurn = async (turn: CopyTurn, framework: Framework): Promise<CopyTurn | null> => {
    if (!isOnTrial(turn)) return turn;
    const tried = await toDesired(turn.work, framework, null);
    if (tried === null) return null;
    return afterTrial(turn, tried.desired.kind === "impossible" ? tried.desired.problem : null, clock.now());
  };

  /** The system's own wishes: purge after the recovery window, renewal when due. True: one was started. */
  const startDueOperation = async (work: ChainWork): Promise<boolean> => {
    const now = clock.now();
    if (work.operation !== null) return false;
    const isDeleted = work.wish === "deleted" && work.observedGeneration >= work.generation;
    if (isDeleted && work.purgeAt !== null && work.purgeAt <= now)
      return chains.startSystemOperation(work, "chain.purge", "purged");
    const isSteady = work.wish === "running" && work.observedGeneration >= work.generation;
    if (isSteady && work.material.some((item) => isDue(item, now)))
      return chains.startSystemOperation(work, "chain.renew", "running");
    return false;
  };

  /** An adopted chain's secrets name its former tenant until this has run. False: the lease was lost. */
  const resealAll = async (work: ChainWork, sealedFor: string): Promise<boolean> => {
    try {
      const rows: SealedRow[] = [];
      for (const row of await chains.sealed(work)) rows.push(await deps.reseal(work.spec, sealedFor, row));
      return await chains.saveResealed(work, rows);
    } catch (error) {
      // New secrets must not be made beside those: all of a chain's name one tenant. To rest or to go it needs none.
      if (work.wish === "running") throw error;
      log.warn({ err: error, chainId: work.spec.chainId }, "an adopted chain's secrets could not be sealed anew");
      return true;
    }
  };

  const pass = async (work: ChainWork): Promise<CoordinateOutcome> => {
    if (work.sealedFor !== null && !(await resealAll(work, work.sealedFor))) return "lost";
    if (await startDueOperation(work)) return "done";
    const framework = deps.findFramework(work.spec.framework);
    if (framework === undefined) {
      log.error({ chainId: work.spec.chainId, framework: work.spec.framework }, "a chain's framework is not installed");
      await chains.release(work);
      return "done";
    }
    const copy = await toTriedTurn(toCopyTurn(withLeaving(work, framework), clock.now()), framework);
    if (copy === null) return "lost";
    const computed = await toDesired(copy.work, framework, copy.copying);
    if (computed === null) return "lost";
    const facts = framework.plans.find((plan) => plan.plan === work.spec.plan);
    const changes = decide({
      work: copy.work,
      copy,
      framework,
      desired: computed.desired,
      recoveryWindowMs: (facts?.recoveryWindowSeconds ?? 0) * 1000,
      renewAt: nextRenewal(computed.material),
      now: clock.now(),
    });
    if (!(await chains.save(work, changes))) return "lost";
    deps.onOrders(
      work.placements.filter((placement) => changes.orders.some((change) => change.placementId === placement.id)),
    );
    return "done";
  };

  return {
    coordinate: async (chainId: string): Promise<CoordinateOutcome> => {
      const work = await chains.claim(chainId, deps.owner, deps.leaseMs);
      if (work === null) return "busy";
      return pass(work);
    },
  };
};
