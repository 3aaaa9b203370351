import { initialSteps, liveOperationStates, type OperationKind, type OperationStep } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import { type Operation, Prisma } from "../generated/client.ts";
import { fromJson, toJson } from "../reconcile/rows.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

export type OperationRow = Operation;

export interface NewOperation {
  id: string;
  tenantId: string;
  appId: string;
  kind: OperationKind;
  /** Kind of the part it is about; absent: the chain itself. */
  targetType?: string;
  targetId: string;
  /** Of a part's operation: its chain. */
  chainId?: string;
  generation: number;
  former: object | null;
  actorType: string;
  actorId: string;
  createdAt: Date;
  /** Everything it stands for has happened in this very transaction: it is made as one that has succeeded. */
  done?: readonly OperationStep[];
}

const isLive = { state: { in: [...liveOperationStates] } };

const skipped = (steps: readonly OperationStep[], now: Date): OperationStep[] =>
  steps.map((step) =>
    step.state === "pending" || step.state === "running"
      ? { ...step, state: "skipped", ...(step.startedAt === undefined ? {} : { endedAt: now.toISOString() }) }
      : step,
  );

export const operationRepository = {
  /** Null: another operation holds the target (the partial unique index says so). */
  insert: async (transaction: StoreTransaction, operation: NewOperation): Promise<OperationRow | null> => {
    const { former, done, ...columns } = operation;
    const at = operation.createdAt;
    const [row] = await transaction.operation.createManyAndReturn({
      data: {
        ...columns,
        targetType: operation.targetType ?? "chain",
        steps: toJson(done ?? initialSteps(operation.kind)),
        ...(done === undefined ? {} : { state: "succeeded", progress: 1, startedAt: at, endedAt: at }),
        former: former === null ? Prisma.DbNull : toJson(former),
      },
      skipDuplicates: true,
    });
    return row ?? null;
  },

  byId: (transaction: StoreTransaction, tenantId: string, id: string): Promise<OperationRow | null> =>
    transaction.operation.findUnique({ where: { id, tenantId } }),

  /** Also of several tenants at once, for the role system: how waiting requests hear of changes. */
  byIds: (transaction: StoreTransaction, ids: readonly string[]): Promise<OperationRow[]> =>
    transaction.operation.findMany({ where: { id: { in: [...ids] } } }),

  live: (transaction: StoreTransaction, tenantId: string, chainId: string): Promise<OperationRow | null> =>
    transaction.operation.findFirst({ where: { tenantId, targetType: "chain", targetId: chainId, ...isLive } }),

  /** The live operation of a part. */
  liveOfPart: (transaction: StoreTransaction, tenantId: string, partId: string): Promise<OperationRow | null> =>
    transaction.operation.findFirst({ where: { tenantId, targetId: partId, ...isLive } }),

  /** Ends what is under way on any part of a chain that goes. */
  supersedeParts: async (
    transaction: StoreTransaction,
    tenantId: string,
    chainId: string,
    now: Date,
  ): Promise<void> => {
    const live = await transaction.operation.findMany({ where: { tenantId, chainId, ...isLive } });
    for (const operation of live) await operationRepository.supersede(transaction, operation, now);
  },

  /** With `chainId`: the chain's own and those of its parts. */
  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    input: PageRequest & { chainId?: string | undefined; state?: string | undefined },
  ): Promise<Page<OperationRow>> => {
    const rows = await transaction.operation.findMany({
      where: {
        tenantId,
        id: idBefore(input),
        ...(input.chainId === undefined ? {} : { OR: [{ targetId: input.chainId }, { chainId: input.chainId }] }),
        ...(input.state === undefined ? {} : { state: input.state }),
      },
      orderBy: { id: "desc" },
      take: input.size + 1,
    });
    return toPage(rows, input.size, (row) => row.id);
  },

  /** Ends it because something else takes its place. False: it had ended already. */
  supersede: async (transaction: StoreTransaction, operation: OperationRow, now: Date): Promise<boolean> => {
    const { count } = await transaction.operation.updateMany({
      where: { id: operation.id, tenantId: operation.tenantId, ...isLive },
      data: {
        state: "cancelled",
        endedAt: now,
        isCancelling: true,
        version: { increment: 1 },
        steps: toJson(skipped(fromJson<OperationStep[]>(operation.steps), now)),
      },
    });
    return count === 1;
  },

  /** Marks it as going back; from now on it waits for `generation`. Null: it has ended. */
  markCancelling: async (
    transaction: StoreTransaction,
    operation: OperationRow,
    generation: number,
  ): Promise<OperationRow | null> => {
    const [row] = await transaction.operation.updateManyAndReturn({
      where: { id: operation.id, tenantId: operation.tenantId, ...isLive },
      // A new beginning, so that it has its whole patience again.
      data: {
        isCancelling: true,
        generation,
        state: "running",
        startedAt: null,
        error: Prisma.DbNull,
        version: { increment: 1 },
      },
    });
    return row ?? null;
  },

  /** Back to running from `needsAttention`. Null: it is in another state by now. */
  markRetried: async (
    transaction: StoreTransaction,
    tenantId: string,
    id: string,
    generation?: number,
  ): Promise<OperationRow | null> => {
    const wished = generation === undefined ? {} : { generation };
    const [row] = await transaction.operation.updateManyAndReturn({
      where: { id, tenantId, state: "needsAttention" },
      data: { ...wished, state: "running", startedAt: null, error: Prisma.DbNull, version: { increment: 1 } },
    });
    return row ?? null;
  },
};
