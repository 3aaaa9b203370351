import {
  type Clock,
  canonicalJson,
  type IdSource,
  initialSteps,
  type OperationKind,
  type Step,
  type StepResult,
  type Wish,
  type WorkOrder,
} from "@portolan/domain";
import type { StoreClient, StoreTransaction } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";
import { type Chain, Prisma } from "../generated/client.ts";
import { deleteBackupsOf, markBackupRunning, writeBackup, writeRestore } from "./backup-work.ts";
import type {
  ChainChanges,
  ChainWork,
  OperationChange,
  OperationWork,
  SealedMaterial,
  SealedRow,
} from "./chain-work.ts";
import { forgetImport } from "./forget-import.ts";
import { loadChainWork } from "./load-chain-work.ts";
import { loadSealed, writeResealed } from "./resealing.ts";
import { toJson } from "./rows.ts";

export interface ChainCoordination {
  /** Ids of chains that are due and in nobody's hands, oldest due first. */
  due(limit: number): Promise<string[]>;
  /** Takes the chain's lease and reads its work; null when it is not there or in other hands. */
  claim(chainId: string, owner: string, leaseMs: number): Promise<ChainWork | null>;
  /** `notDue`: names whose newest version is never due again. False: the lease was lost, nothing was written. */
  saveMaterial(work: ChainWork, items: readonly SealedMaterial[], notDue?: readonly string[]): Promise<boolean>;
  /** Every sealed secret of the chain, as it is sealed now. */
  sealed(work: ChainWork): Promise<SealedRow[]>;
  /** Replaces all of them, sealed for today's tenant. False: the lease was lost, nothing was written. */
  saveResealed(work: ChainWork, rows: readonly SealedRow[]): Promise<boolean>;
  /** Writes a pass's outcome and gives the lease back. False: the lease was lost, nothing was written. */
  save(work: ChainWork, changes: ChainChanges): Promise<boolean>;
  /** Starts an operation of the system's own (purge, renewal). False: lease lost or another operation holds the chain. */
  startSystemOperation(work: ChainWork, kind: OperationKind, wish: Wish): Promise<boolean>;
  release(work: ChainWork): Promise<void>;
}

/** Coordinator's side of the store, with the system role: a chain's wish, orders and operation, by fence. */
export const createChainCoordination = (deps: {
  client: StoreClient;
  ids: IdSource;
  clock: Clock;
}): ChainCoordination => {
  const { client, ids, clock } = deps;

  const holdFence = async (transaction: StoreTransaction, work: ChainWork): Promise<boolean> => {
    const held = await transaction.$queryRaw<unknown[]>`
      select 1 from chains where id = ${work.spec.chainId} and fence = ${work.fence} and lease_owner is not null for update`;
    return held.length === 1;
  };

  return {
    due: async (limit) => {
      const now = clock.now();
      const rows = await client.$queryRaw<{ id: string }[]>`
        select id from chains where next_at <= ${now} and (lease_until is null or lease_until <= ${now})
        order by next_at limit ${limit}`;
      return rows.map((row) => row.id);
    },

    claim: async (chainId, owner, leaseMs) => {
      const now = clock.now();
      return inTransaction(client, async (transaction) => {
        const [chain] = await transaction.chain.updateManyAndReturn({
          where: { id: chainId, OR: [{ leaseUntil: null }, { leaseUntil: { lte: now } }] },
          // What left its mark before this is in what is read now; only what comes later asks for another pass.
          data: {
            ...{ leaseOwner: owner, leaseUntil: new Date(now.getTime() + leaseMs), fence: { increment: 1 } },
            dirty: false,
          },
        });
        return chain === undefined ? null : loadChainWork(transaction, chain as Chain);
      });
    },

    saveMaterial: (work, items, notDue = []) =>
      inTransaction(client, async (transaction) => {
        if (!(await holdFence(transaction, work))) return false;
        await transaction.material.updateMany({
          where: { chainId: work.spec.chainId, name: { in: [...notDue] } },
          data: { renewAt: null },
        });
        await transaction.material.createMany({
          data: items.map((item) => ({
            id: ids.next("material"),
            tenantId: work.spec.tenantId,
            chainId: work.spec.chainId,
            name: item.name,
            version: item.version,
            kind: item.kind,
            owner: item.owner,
            public: toJson(item.public),
            sealed: item.sealed === null ? null : new Uint8Array(item.sealed),
            expiresAt: item.expiresAt ?? null,
            renewAt: item.renewAt ?? null,
            createdAt: clock.now(),
          })),
        });
        return true;
      }),

    sealed: (work) => loadSealed(client, work.spec.chainId),

    saveResealed: (work, rows) =>
      inTransaction(client, async (transaction) => {
        if (!(await holdFence(transaction, work))) return false;
        await writeResealed(transaction, work.spec.chainId, rows);
        return true;
      }),

    save: (work, changes) =>
      inTransaction(client, async (transaction) => {
        if (!(await holdFence(transaction, work))) return false;
        await writeOrders(transaction, work, changes, clock.now());
        await writeNodes(transaction, ids, work, changes, clock.now());
        await writeOperation(transaction, work.operation, changes.operation, clock.now());
        await writeParts(transaction, work, changes, clock.now());
        if (changes.events.length > 0) {
          await transaction.chainEvent.createMany({
            data: changes.events.map((event) => ({
              id: ids.nextWith("evt"),
              tenantId: work.spec.tenantId,
              chainId: work.spec.chainId,
              createdAt: clock.now(),
              ...event,
            })),
          });
        }
        await writeBackups(transaction, work, changes, clock.now());
        if (changes.isPurged && work.spec.isImported === true && !work.hasRun) {
          await forgetImport(transaction, work.spec.chainId);
          return true;
        }
        if (changes.isPurged) {
          await deleteBackupsOf(transaction, work.spec.chainId, clock.now());
          await transaction.material.deleteMany({ where: { chainId: work.spec.chainId } });
          await transaction.authorityKey.deleteMany({ where: { chainId: work.spec.chainId } });
        }
        await writeChain(transaction, work, changes, clock.now());
        return true;
      }),

    startSystemOperation: (work, kind, wish) =>
      inTransaction(client, async (transaction) => {
        if (!(await holdFence(transaction, work))) return false;
        // A wish that arrived during the pass goes first.
        const unchanged = { id: work.spec.chainId, generation: work.generation };
        if ((await transaction.chain.count({ where: unchanged })) === 0) return false;
        const inserted = await transaction.operation.createMany({
          data: {
            id: ids.next("operation"),
            tenantId: work.spec.tenantId,
            appId: work.appId,
            kind,
            targetType: "chain",
            targetId: work.spec.chainId,
            steps: toJson(initialSteps(kind)),
            generation: work.generation + 1,
            actorType: "system",
            actorId: "coordinator",
            createdAt: clock.now(),
          },
          skipDuplicates: true,
        });
        if (inserted.count === 0) return false;
        await transaction.chain.update({
          where: { id: work.spec.chainId },
          data: { wish, generation: { increment: 1 }, nextAt: clock.now(), leaseOwner: null, leaseUntil: null },
        });
        return true;
      }),

    release: async (work) => {
      await client.chain.updateMany({
        where: { id: work.spec.chainId, fence: work.fence },
        data: { leaseOwner: null, leaseUntil: null },
      });
    },
  };
};

const writeOrders = async (
  transaction: StoreTransaction,
  work: ChainWork,
  changes: ChainChanges,
  now: Date,
): Promise<void> => {
  for (const { placementId, order, hash } of changes.orders) {
    await transaction.placement.update({
      where: { id: placementId, chainId: work.spec.chainId },
      data: {
        workOrder: toJson(order),
        stepResults: toJson(stillOpen(work, placementId, order)),
        orderHash: hash,
        generation: order.generation,
        nextAt: now,
        attempts: 0,
        problem: Prisma.DbNull,
      },
    });
  }
};

/** Results of steps that the former order and the new one list alike: everything else was of another occasion. */
const stillOpen = (work: ChainWork, placementId: string, order: WorkOrder): readonly StepResult[] => {
  const placement = work.placements.find((item) => item.id === placementId);
  const find = (steps: readonly Step[] | undefined, key: string) => steps?.find((step) => step.key === key);
  return (placement?.stepResults ?? []).filter(({ key }) => {
    const former = find(placement?.order?.steps, key);
    const next = find(order.steps, key);
    return former !== undefined && next !== undefined && canonicalJson(former) === canonicalJson(next);
  });
};

const writeNodes = async (
  transaction: StoreTransaction,
  ids: IdSource,
  work: ChainWork,
  changes: ChainChanges,
  createdAt: Date,
): Promise<void> => {
  if (changes.nodes.length > 0 && changes.orders.length > 0) {
    await transaction.node.createMany({
      data: changes.nodes.map(({ runningVersion: _running, ...node }) => ({
        id: ids.next("node"),
        tenantId: work.spec.tenantId,
        chainId: work.spec.chainId,
        createdAt,
        ...node,
      })),
      skipDuplicates: true,
    });
  }
  const byVersion = Map.groupBy(
    changes.nodes.filter(({ runningVersion }) => runningVersion !== undefined),
    ({ runningVersion }) => runningVersion ?? "",
  );
  for (const [version, nodes] of byVersion) {
    const names = nodes.map(({ name }) => name);
    const where = { chainId: work.spec.chainId, name: { in: names }, version: { not: version } };
    await transaction.node.updateMany({ where, data: { version } });
  }
};

const writeOperation = async (
  transaction: StoreTransaction,
  former: OperationWork | null,
  operation: OperationChange | null,
  now: Date,
): Promise<void> => {
  if (operation === null) return;
  const isSame =
    former !== null &&
    former.state === operation.state &&
    canonicalJson(former.steps) === canonicalJson(operation.steps) &&
    canonicalJson(former.error) === canonicalJson(operation.error);
  if (isSame) return;
  const isOver = operation.state === "succeeded" || operation.state === "cancelled" || operation.state === "failed";
  // The state is part of the condition: an operation that a delete superseded meanwhile is not revived.
  await transaction.operation.updateMany({
    where: { id: operation.id, state: { in: ["queued", "running", "needsAttention"] } },
    data: {
      state: operation.state,
      progress: operation.progress,
      steps: toJson(operation.steps),
      error: operation.error === null ? Prisma.DbNull : toJson(operation.error),
      version: { increment: 1 },
      startedAt: former?.startedAt ?? now,
      ...(isOver ? { endedAt: now } : {}),
    },
  });
};

const writeBackups = async (
  transaction: StoreTransaction,
  work: ChainWork,
  changes: ChainChanges,
  now: Date,
): Promise<void> => {
  if (changes.backup !== null) await writeBackup(transaction, changes.backup, now);
  else if (work.backup !== null) await markBackupRunning(transaction, work.backup.id);
  await writeRestore(transaction, work, changes.restore);
};

const writeParts = async (
  transaction: StoreTransaction,
  work: ChainWork,
  changes: ChainChanges,
  now: Date,
): Promise<void> => {
  for (const operation of changes.partOperations) {
    const former = work.parts.find((part) => part.operation?.id === operation.id)?.operation ?? null;
    await writeOperation(transaction, former, operation, now);
  }
  for (const { id, generation } of changes.reachedParts) {
    // A wish that arrived during the pass has another generation, which nobody has seen in the network yet.
    await transaction.part.updateMany({
      where: { id, chainId: work.spec.chainId, generation },
      data: { observedGeneration: generation },
    });
  }
};

const writeChain = async (
  transaction: StoreTransaction,
  work: ChainWork,
  changes: ChainChanges,
  now: Date,
): Promise<void> => {
  const isRouteNew = canonicalJson(work.route) !== canonicalJson(changes.route);
  const conditions = JSON.stringify(changes.conditions);
  const view = changes.view === null ? null : JSON.stringify(changes.view);
  const route = JSON.stringify(changes.route);
  // A wish or a report that arrived during the pass has raised the generation or left its mark: then the next look is
  // at once, and what it decided of the route (closed, most likely) stands until then.
  await transaction.$executeRaw`
    update chains set conditions = ${conditions}::jsonb, phase = case when generation = ${work.generation} then ${changes.phase} else phase end, observed_generation = ${changes.observedGeneration},
      has_run = ${changes.hasRun}, view = ${view}::jsonb, route = case when ${isRouteNew} and route_version = ${work.routeVersion} then ${route}::jsonb else route end,
      route_version = case when ${isRouteNew} and route_version = ${work.routeVersion} then route_version + 1 else route_version end,
      attempts = ${changes.attempts}, purge_at = case when generation = ${work.generation} then ${changes.purgeAt}::timestamptz else purge_at end, lease_owner = null, lease_until = null, updated_at = ${now},
      next_at = case when generation > ${work.generation} or dirty then ${now} else ${changes.nextAt}::timestamptz end,
      dirty = false
    where id = ${work.spec.chainId}`;
};
