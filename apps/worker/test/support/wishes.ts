import type { JsonObject, OperationKind, OperationState, OperationStep, Wish } from "@portolan/domain";
import { chainWishes, inTransaction, operationRepository } from "@portolan/store";
import type { TestPlane } from "./plane.ts";

export interface TestChain {
  id: string;
  tenantId: string;
  /** Region → placement. */
  placements: ReadonlyMap<string, string>;
}

const actor = { actorType: "user", actorId: "usr_test" };

/** A tenant's chain, as `POST /v1/chains` writes it: chain, placements and operation in one transaction. */
export const wishChain = async (
  plane: TestPlane,
  options: {
    framework?: string;
    version?: string;
    plan?: string;
    settings?: JsonObject;
    regions?: readonly string[];
  } = {},
): Promise<TestChain> => {
  const { ids, clock, client } = plane;
  const createdAt = clock.now();
  const regions = options.regions ?? plane.regions;
  const [tenantId, appId, id] = [ids.next("tenant"), ids.next("app"), ids.next("chain")];
  const placements = regions.map((region) => ({ region, id: ids.next("placement") }));
  await inTransaction(client, async (transaction) => {
    const portal = await transaction.portal.findUniqueOrThrow({ where: { slug: "global" } });
    await transaction.tenant.create({
      data: { id: tenantId, portalId: portal.id, name: "Tenant", country: "ZZ", kind: "standard", createdAt },
    });
    await transaction.app.create({ data: { id: appId, tenantId, name: "App", createdAt } });
    const { framework = "fake", version = "1.0.0", plan = "dev", settings = {} } = options;
    await chainWishes.insert(
      transaction,
      {
        id,
        tenantId,
        appId,
        name: "chain",
        framework,
        version,
        plan,
        hosting: "dedicated",
        regions,
        settings,
        nodeCount: 1,
        storageBytes: 1n,
        createdAt,
      },
      placements,
    );
    await operationRepository.insert(transaction, {
      id: ids.next("operation"),
      tenantId,
      appId,
      kind: "chain.create",
      targetId: id,
      generation: 1,
      former: null,
      ...actor,
      createdAt,
    });
  });
  return { id, tenantId, placements: new Map(placements.map((placement) => [placement.region, placement.id])) };
};

export interface Change {
  kind: OperationKind;
  wish: Wish;
  settings?: JsonObject;
  /** Adds a topic of this name. */
  topic?: string;
}

/** A later wish, as the API writes it. A delete takes the place of what runs; anything else is refused meanwhile. */
export const changeChain = async (plane: TestPlane, chain: TestChain, change: Change): Promise<string | null> => {
  const { client, clock, ids } = plane;
  const now = clock.now();
  return inTransaction(client, async (transaction) => {
    const row = await chainWishes.lock(transaction, chain.tenantId, chain.id);
    const live = await operationRepository.live(transaction, chain.tenantId, chain.id);
    if (live !== null && change.kind === "chain.delete") await operationRepository.supersede(transaction, live, now);
    else if (live !== null) return null;
    if (change.settings !== undefined) {
      await transaction.chain.update({ where: { id: chain.id }, data: { settings: change.settings as object } });
    }
    if (change.topic !== undefined) {
      const { tenantId, id: chainId } = chain;
      const part = { id: ids.nextWith("top"), tenantId, chainId, kind: "topic", name: change.topic, settings: {} };
      await transaction.part.create({ data: part });
    }
    const { generation } = await chainWishes.wish(transaction, {
      tenantId: chain.tenantId,
      id: chain.id,
      wish: change.wish,
      now,
      deletedAt: change.wish === "deleted" ? now : null,
      purgeAt: null,
    });
    const operation = await operationRepository.insert(transaction, {
      id: ids.next("operation"),
      tenantId: chain.tenantId,
      appId: row?.appId ?? "",
      kind: change.kind,
      targetId: chain.id,
      generation,
      former: null,
      ...actor,
      createdAt: now,
    });
    return operation?.id ?? null;
  });
};

/** A cancel of a create, as the API writes it: the same operation now waits for the chain to be gone. */
export const cancelCreate = async (plane: TestPlane, chain: TestChain): Promise<void> => {
  const now = plane.clock.now();
  await inTransaction(plane.client, async (transaction) => {
    await chainWishes.lock(transaction, chain.tenantId, chain.id);
    const live = await operationRepository.live(transaction, chain.tenantId, chain.id);
    if (live === null) throw new Error("no operation to cancel");
    const input = {
      tenantId: chain.tenantId,
      id: chain.id,
      wish: "deleted" as const,
      now,
      deletedAt: now,
      purgeAt: null,
    };
    const { generation } = await chainWishes.wish(transaction, input);
    await operationRepository.markCancelling(transaction, live, generation);
  });
};

export const operationsOf = async (plane: TestPlane, chain: TestChain) => {
  const rows = await plane.client.operation.findMany({ where: { targetId: chain.id }, orderBy: { generation: "asc" } });
  return rows.map((row) => ({
    ...row,
    state: row.state as OperationState,
    steps: row.steps as unknown as OperationStep[],
    error: row.error as { code: string; message: string; hint?: string; retryable: boolean } | null,
  }));
};

export const lastOperation = async (plane: TestPlane, chain: TestChain) => {
  const last = (await operationsOf(plane, chain)).at(-1);
  if (last === undefined) throw new Error("the chain has no operation");
  return last;
};
