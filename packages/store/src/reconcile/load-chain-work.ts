import type {
  ChainSpec,
  ChainView,
  Condition,
  MaterialItem,
  OperationKind,
  OperationState,
  OperationStep,
  PartSpec,
  Phase,
  Wish,
} from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Chain, Material, Operation, Part, Placement } from "../generated/client.ts";
import { loadBackupWork, loadRestoreWork } from "./backup-work.ts";
import type { ChainWork, OperationWork, PartWork, PlacementWork } from "./chain-work.ts";
import { loadRegistries } from "./registry-access.ts";
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

export const loadMaterial = async (transaction: StoreTransaction, chainId: string): Promise<MaterialItem[]> => {
  const rows = await transaction.$queryRaw<(Omit<Material, "sealed"> & { hasSecret: boolean })[]>`
    select name, version, kind, owner, public, expires_at as "expiresAt", renew_at as "renewAt", sealed is not null as "hasSecret"
    from materials where chain_id = ${chainId}`;
  return latest(rows.map(toMaterialItem));
};

/** Merges what each region's worker saw into one view; the centre's own knowledge of the whole network. */
export const mergeViews = (placements: readonly Pick<PlacementWork, "view">[]): ChainView | null => {
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

const liveStates = ["queued", "running", "needsAttention"];

export const toPartSpec = (row: Part): PartSpec => ({
  id: row.id,
  kind: row.kind,
  name: row.name,
  settings: fromJson(row.settings),
  generation: row.generation,
  ...(row.deletedAt === null ? {} : { isDeleted: true }),
});

const toPartWork = (row: Part, operations: readonly Operation[]): PartWork => {
  const operation = operations.find(({ targetId }) => targetId === row.id);
  const { id, kind, name, generation, observedGeneration } = row;
  return {
    id,
    kind,
    name,
    generation,
    observedGeneration,
    isDeleted: row.deletedAt !== null,
    operation: operation === undefined ? null : toOperationWork(operation),
  };
};

/** A chain as its framework's functions take it; `parts` are those that the network has or should have. */
export const toChainSpec = (chain: Chain, parts: readonly Part[]): ChainSpec => ({
  chainId: chain.id,
  tenantId: chain.tenantId,
  name: chain.name,
  framework: chain.framework,
  version: chain.version,
  plan: chain.plan,
  settings: fromJson(chain.settings),
  regions: chain.regions,
  parts: parts.map(toPartSpec),
  generation: chain.generation,
  serial: Number(chain.originSerial ?? chain.serial),
  ...(chain.originSerial === null ? {} : { isImported: true }),
});

/** Reads everything a coordinator pass needs. Call under the chain's lease, whose fence the row carries. */
export const loadChainWork = async (transaction: StoreTransaction, chain: Chain): Promise<ChainWork> => {
  const placementRows = await transaction.placement.findMany({
    where: { chainId: chain.id },
    orderBy: { region: "asc" },
  });
  const placements = placementRows.map(toPlacementWork);
  // A deleted one is a part until the network is rid of it.
  const parts = await transaction.part.findMany({
    where: {
      chainId: chain.id,
      OR: [{ deletedAt: null }, { observedGeneration: { lt: transaction.part.fields.generation } }],
    },
    orderBy: { id: "asc" },
  });
  const partOperations =
    parts.length === 0
      ? []
      : await transaction.operation.findMany({ where: { chainId: chain.id, state: { in: liveStates } } });
  const operation = await transaction.operation.findFirst({
    where: { targetType: "chain", targetId: chain.id, state: { in: liveStates } },
  });
  const regions = await transaction.region.findMany({ where: { slug: { in: chain.regions } } });
  return {
    spec: toChainSpec(chain, parts),
    parts: parts.map((part) => toPartWork(part, partOperations)),
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
    registries: await loadRegistries(transaction, chain),
    operation: operation === null ? null : toOperationWork(operation),
    backup: await loadBackupWork(transaction, chain.id),
    restore: await loadRestoreWork(transaction, chain, operation?.former ?? null),
    regions: Object.fromEntries(
      regions.map((region) => [region.slug, { capabilities: fromJson(region.capabilities), seenAt: region.seenAt }]),
    ),
  };
};
