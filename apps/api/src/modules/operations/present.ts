import type { OperationResource } from "@portolan/contract";
import { isDone, type OperationError, type OperationStep, operationKinds, operationStates } from "@portolan/domain";
import type { OperationRow } from "@portolan/store";

const toState = (row: OperationRow) => operationStates.find((state) => state === row.state) ?? "needsAttention";

export const presentOperation = (row: OperationRow): OperationResource => {
  const state = toState(row);
  const error = row.error as unknown as OperationError | null;
  return {
    id: row.id,
    kind: operationKinds.find((kind) => kind === row.kind) ?? "chain.update",
    target: { type: row.targetType, id: row.targetId },
    state,
    done: isDone(state),
    progress: Math.min(1, Math.max(0, row.progress)),
    steps: row.steps as unknown as OperationStep[],
    ...(error === null ? {} : { error }),
    createdAt: row.createdAt.toISOString(),
    ...(row.startedAt === null ? {} : { startedAt: row.startedAt.toISOString() }),
    ...(row.endedAt === null ? {} : { endedAt: row.endedAt.toISOString() }),
  };
};

export const operationLocation = (id: string): string => `/v1/operations/${id}`;
