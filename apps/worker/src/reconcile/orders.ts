import {
  type Blueprint,
  type ChainSpec,
  type NodeSpec,
  type Step,
  toOrderedChain,
  toOrderHash,
  toReserveOrder,
  type WorkOrder,
} from "@portolan/domain";
import type { ChainWork, OrderChange, PlacementWork } from "@portolan/store";
import type { Copying } from "./copy-turn.ts";
import type { Desired } from "./desired.ts";

/** Steps whose dependencies are done. A step that is no longer listed has had its effect: its framework saw it. */
export const readySteps = (steps: readonly Step[]): Step[] => {
  const open = new Set(steps.map((step) => step.key));
  return steps.filter((step) => step.dependsOn.every((key) => !open.has(key)));
};

const restingAction = (work: ChainWork): WorkOrder["action"] => {
  if (work.wish === "paused") return "stop";
  return work.wish === "purged" ? "purge" : "remove";
};

/** Every region at the same stage: no volume is copied while a node anywhere still runs. */
const copyOrder = (
  { stage, backupId, copies, keepsAddresses }: Copying,
  placement: PlacementWork,
  nodes: readonly NodeSpec[],
  chain: WorkOrder["chain"],
): Omit<WorkOrder, "generation"> => {
  if (stage === "stop") return { action: "stop", nodes, steps: [], chain };
  const copy = copies.get(placement.id);
  const backup = {
    id: backupId,
    ...(copy === undefined ? {} : { digest: copy.digest }),
    // What comes from another plane occupies what its document says, until it is looked at.
    ...(stage === "verify" && keepsAddresses ? { keepsAddresses, sizeBytes: copy?.sizeBytes ?? 0 } : {}),
  };
  return { action: stage, nodes, steps: [], chain, backup };
};

/** A chain that runs goes on as it is while new nodes wait for their addresses: a run order reserves as well. */
const waitingOrder = (
  placement: PlacementWork,
  nodes: readonly NodeSpec[],
  spec: ChainSpec,
): Omit<WorkOrder, "generation"> => {
  const former = placement.order;
  if (former?.action !== "run") return toReserveOrder(spec, nodes);
  const { generation: _generation, ...order } = former;
  return { ...order, nodes };
};

/** A region that the framework has nothing for (any more): what is left there goes. */
const noNodes = (spec: ChainSpec, placement: PlacementWork, desired: Desired & { kind: "wanted" }): Blueprint => ({
  chainId: spec.chainId,
  placementId: placement.id,
  framework: spec.framework,
  rendererVersion: Object.values(desired.blueprints)[0]?.rendererVersion ?? 0,
  nodes: [],
  network: [],
  spread: [],
});

const toOrder = (work: ChainWork, placement: PlacementWork, desired: Desired): Omit<WorkOrder, "generation"> | null => {
  const { spec } = work;
  const inspection = desired.kind === "wanted" ? desired.inspection : undefined;
  const chain = { ...toOrderedChain(spec), ...(inspection === undefined ? {} : { inspection }) };
  const nodes = desired.nodes.filter((node) => node.region === placement.region);
  switch (desired.kind) {
    case "impossible":
      return null;
    case "waitingForAddresses":
      return waitingOrder(placement, nodes, spec);
    case "copying":
      return copyOrder(desired.copying, placement, nodes, chain);
    case "resting":
      return { action: restingAction(work), nodes, steps: [], chain };
    case "wanted": {
      const blueprint = desired.blueprints[placement.region] ?? noNodes(spec, placement, desired);
      const steps = readySteps(desired.steps).filter((step) => step.region === placement.region);
      const local = new Set(nodes.map((node) => node.name));
      const only = desired.only?.filter((name) => local.has(name));
      const { signers } = desired;
      return {
        ...{ action: "run", nodes, blueprint, steps, chain },
        ...(only === undefined ? {} : { only }),
        ...(signers.length === 0 ? {} : { signers }),
      };
    }
  }
};

/** Orders that differ from what was last written. An equal order is not written again: nothing is woken for it. */
export const toOrders = (work: ChainWork, desired: Desired): OrderChange[] => {
  const changes: OrderChange[] = [];
  for (const placement of work.placements) {
    const order = toOrder(work, placement, desired);
    if (order === null) continue;
    const hash = toOrderHash(order);
    if (hash === placement.orderHash) continue;
    const generation = placement.order === null ? placement.generation : placement.generation + 1;
    changes.push({ placementId: placement.id, order: { ...order, generation }, hash });
  }
  return changes;
};
