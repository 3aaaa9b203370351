import type {
  ChainView,
  Condition,
  MaterialItem,
  OperationKind,
  OperationState,
  OperationStep,
  Phase,
  Wish,
} from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Chain, Material, Operation, Placement } from "../generated/client.ts";
import type { ChainWork, OperationWork, PlacementWork } from "./chain-work.ts";
import { fromJson, fromJsonOr } from "./rows.ts";

export const toMaterialItem = (row: Omit<Material, "sealed"> & { hasSecret: boolean }): MaterialItem => ({
  name: row.name,
  version: row.version,
  kind: fromJson(row.kind),
  owner: fromJson(row.owner),
  public: fromJson(row.public),
  hasSecret: row.hasSecret,
  ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt.toISOString() }),
  ...(row.renewAt === null ? {} : { renewAt: row.renewAt.toISOString() }),
});

const toPlacementWork = (row: Placement): PlacementWork => ({
  id: row.id,
  region: row.region,
  generation: row.generation,
  observedGeneration: row.observedGeneration,
  addresses: fromJson(row.addresses),
  order: fromJson(row.workOrder),
  orderHash: row.orderHash,
  observation: fromJson(row.observation),
  view: fromJson(row.view),
  stepResults: fromJson(row.stepResults),
  problem: fromJson(row.problem),
  reportedAt: row.reportedAt,
});

const toOperationWork = (row: Operation): OperationWork => ({
  id: row.id,
  kind: row.kind as OperationKind,
  state: row.state as OperationState,
  steps: fromJson<OperationStep[]>(row.steps),
  generation: row.generation,
  isCancelling: row.isCancelling,
  createdAt: row.createdAt,
  startedAt: row.startedAt,
  error: fromJson(row.error),
});

/** Latest version of each material item: what a chain runs on. Older ones stay for what still refers to them. */
const latest = (items: readonly MaterialItem[]): MaterialItem[] => {
  const byName = new Map<string, MaterialItem>();
  for (const item of items) {
    const former = byName.get(item.name);
    if (former === undefined || former.version < item.version) byName.set(item.name, item);
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
};

const loadMaterial = async (transaction: StoreTransaction, chainId: string): Promise<MaterialItem[]> => {
  const rows = await transaction.$queryRaw<(Omit<Material, "sealed"> & { hasSecret: boolean })[]>`
    select name, version, kind, owner, public, expires_at as "expiresAt", renew_at as "renewAt", sealed is not null as "hasSecret"
    from materials where chain_id = ${chainId}`;
  return latest(rows.map(toMaterialItem));
};

/** Merges what each region's worker saw into one view; the centre's own knowledge of the whole network. */
const mergeViews = (placements: readonly PlacementWork[]): ChainView | null => {
  const views = placements.flatMap((placement) => (placement.view === null ? [] : [placement.view]));
  const first = views[0];
  if (first === undefined) return null;
  return views.slice(1).reduce<ChainView>(
    (merged, view) => ({
      nodes: { ...merged.nodes, ...view.nodes },
      facts: { ...merged.facts, ...view.facts },
      at: merged.at > view.at ? merged.at : view.at,
    }),
    first,
  );
};

/** Reads everything a coordinator pass needs. Call under the chain's lease, whose fence the row carries. */
export const loadChainWork = async (transaction: StoreTransaction, chain: Chain): Promise<ChainWork> => {
  const placementRows = await transaction.placement.findMany({
    where: { chainId: chain.id },
    orderBy: { region: "asc" },
  });
  const placements = placementRows.map(toPlacementWork);
  const parts = await transaction.part.findMany({
    where: { chainId: chain.id, deletedAt: null },
    orderBy: { id: "asc" },
  });
  const operation = await transaction.operation.findFirst({
    where: { targetType: "chain", targetId: chain.id, state: { in: ["queued", "running", "needsAttention"] } },
  });
  const regions = await transaction.region.findMany({ where: { slug: { in: chain.regions } } });
  return {
    spec: {
      chainId: chain.id,
      tenantId: chain.tenantId,
      name: chain.name,
      framework: chain.framework,
      version: chain.version,
      plan: chain.plan,
      settings: fromJson(chain.settings),
      regions: chain.regions,
      parts: parts.map(({ id, kind, name, settings, generation }) => ({
        id,
        kind,
        name,
        settings: fromJson(settings),
        generation,
      })),
      generation: chain.generation,
      serial: Number(chain.serial),
    },
    appId: chain.appId,
    fence: chain.fence,
    wish: chain.wish as Wish,
    generation: chain.generation,
    observedGeneration: chain.observedGeneration,
    phase: chain.phase as Phase,
    hasRun: chain.hasRun,
    attempts: chain.attempts,
    conditions: fromJsonOr<Condition[]>(chain.conditions, []),
    view: mergeViews(placements),
    route: fromJson(chain.route),
    routeVersion: chain.routeVersion,
    suspectedAt: chain.suspectedAt,
    deletedAt: chain.deletedAt,
    purgeAt: chain.purgeAt,
    sealedFor: chain.sealedFor,
    placements,
    material: await loadMaterial(transaction, chain.id),
    operation: operation === null ? null : toOperationWork(operation),
    regions: Object.fromEntries(
      regions.map((region) => [region.slug, { capabilities: fromJson(region.capabilities), seenAt: region.seenAt }]),
    ),
  };
};
