import type { JsonObject, OperationKind, OperationState, OperationStep, Wish } from "@portolan/domain";
import {
  backupRepository,
  chainWishes,
  inTransaction,
  type OperationRow,
  operationRepository,
  partRepository,
  type StoreTransaction,
} from "@portolan/store";
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
  version?: string;
  plan?: string;
  /** Of `chain.backup`: its backup's id; of `chain.restore`: the one to have back. */
  backupId?: string;
  /** Adds a topic of this name, with an operation of its own. */
  topic?: string;
}

/**
 * What is wished of a topic: a new one, other settings, or that it goes; `cancel` takes back what is under way, `mend`
 * lets what needs attention go on with other settings.
 */
export interface TopicChange {
  name: string;
  kind: "create" | "update" | "delete" | "cancel" | "mend";
  settings?: JsonObject;
}

const loadTopic = (transaction: StoreTransaction, chain: TestChain, name: string) =>
  transaction.part.findFirstOrThrow({ where: { chainId: chain.id, kind: "topic", name } });

const writeTopic = async (
  { ids, clock }: TestPlane,
  transaction: StoreTransaction,
  chain: TestChain,
  { name, kind, settings = {} }: TopicChange,
): Promise<string> => {
  const { tenantId, id: chainId } = chain;
  const now = clock.now();
  if (kind === "create") {
    await partRepository.insert(transaction, {
      ...{ id: ids.nextWith("top"), tenantId, chainId, kind: "topic", name, settings, createdAt: now },
    });
  }
  const former = await loadTopic(transaction, chain, name);
  const live = await operationRepository.liveOfPart(transaction, tenantId, former.id);
  const isGoing = kind === "delete" || (kind === "cancel" && live?.kind === "part.create");
  const part =
    kind === "create"
      ? former
      : await partRepository.wish(transaction, former, {
          settings: kind === "update" || kind === "mend" ? settings : (former.settings as JsonObject),
          deletedAt: isGoing ? now : null,
        });
  await chainWishes.nudge(transaction, tenantId, chainId, now);
  if (kind === "cancel") {
    if (live === null) throw new Error("no operation to cancel");
    await operationRepository.markCancelling(transaction, live, part.generation);
    return live.id;
  }
  if (kind === "mend") {
    const mended = await operationRepository.markRetried(transaction, tenantId, live?.id ?? "", part.generation);
    if (mended === null) throw new Error("no operation that needs attention");
    return mended.id;
  }
  if (live !== null) await operationRepository.supersede(transaction, live, now);
  const operation = await operationRepository.insert(transaction, {
    ...{ id: ids.next("operation"), tenantId, appId: "app_test", kind: `part.${kind}` as const, chainId },
    ...{ targetType: "topic", targetId: part.id, generation: part.generation, former: null, ...actor, createdAt: now },
  });
  return operation?.id ?? "";
};

/** A wish about a topic, as the API writes it. Answers the operation's id. */
export const changeTopic = (plane: TestPlane, chain: TestChain, change: TopicChange): Promise<string> => {
  // Ids sort by time, and the clock stands still unless somebody moves it.
  plane.clock.advance(1);
  return inTransaction(plane.client, async (transaction) => {
    await chainWishes.lock(transaction, chain.tenantId, chain.id);
    return writeTopic(plane, transaction, chain, change);
  });
};

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
    const { version, plan } = change;
    const data = { ...(version === undefined ? {} : { version }), ...(plan === undefined ? {} : { plan }) };
    if (Object.keys(data).length > 0) await transaction.chain.update({ where: { id: chain.id }, data });
    if (change.topic !== undefined) await writeTopic(plane, transaction, chain, { name: change.topic, kind: "create" });
    if (change.kind === "chain.restore" && change.backupId !== undefined) {
      const { createdAt } = await transaction.backup.findUniqueOrThrow({ where: { id: change.backupId } });
      await partRepository.wishGoneAgain(transaction, chain.tenantId, chain.id, createdAt);
    }
    if (change.wish === "deleted") await operationRepository.supersedeParts(transaction, chain.tenantId, chain.id, now);
    const { generation } = await chainWishes.wish(transaction, {
      tenantId: chain.tenantId,
      id: chain.id,
      wish: change.wish,
      now,
      deletedAt: change.wish === "deleted" ? now : null,
      purgeAt: null,
      ...(change.kind === "chain.restore" && change.backupId !== undefined ? { restoreBackupId: change.backupId } : {}),
    });
    const operation = await operationRepository.insert(transaction, {
      id: ids.next("operation"),
      tenantId: chain.tenantId,
      appId: row?.appId ?? "",
      kind: change.kind,
      targetId: chain.id,
      generation,
      former: row === null ? null : { wish: row.wish, deletedAt: row.deletedAt, purgeAt: row.purgeAt },
      ...actor,
      createdAt: now,
    });
    if (change.kind === "chain.backup" && change.backupId !== undefined) {
      await backupRepository.insert(transaction, {
        ...{ id: change.backupId, tenantId: chain.tenantId, chainId: chain.id, operationId: operation?.id ?? "" },
        ...{ framework: "fake", version: "1.0.0", nodes: [], createdAt: now },
      });
    }
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

const toReadable = (row: OperationRow) => ({
  ...row,
  state: row.state as OperationState,
  steps: row.steps as unknown as OperationStep[],
  error: row.error as { code: string; message: string; hint?: string; retryable: boolean } | null,
});

export const operationsOf = async (plane: TestPlane, chain: TestChain) => {
  const rows = await plane.client.operation.findMany({ where: { targetId: chain.id }, orderBy: { generation: "asc" } });
  return rows.map(toReadable);
};

/** Operations of a chain's topics, oldest first. */
export const partOperationsOf = async (plane: TestPlane, chain: TestChain) =>
  (await plane.client.operation.findMany({ where: { chainId: chain.id }, orderBy: { id: "asc" } })).map(toReadable);

export const lastOperation = async (plane: TestPlane, chain: TestChain) => {
  const last = (await operationsOf(plane, chain)).at(-1);
  if (last === undefined) throw new Error("the chain has no operation");
  return last;
};
