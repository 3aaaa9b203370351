import { type BackupCopy, backupResultKey, type OperationError, type WorkOrder } from "@portolan/domain";
import type { ChainWork, PlacementWork } from "@portolan/store";
import { isSilent } from "./conditions.ts";
import type { Copying, CopyTurn } from "./copy-turn.ts";
import { patienceMs } from "./operation-progress.ts";

/** The longest that nodes stand still for a copy of which nothing bad is heard. */
export const longestCopyMs = 3_600_000;

const copyOrders: ReadonlySet<WorkOrder["action"]> = new Set(["stop", "snapshot", "verify", "restore"]);

const isReached = (placement: PlacementWork): boolean =>
  placement.order !== null && placement.observedGeneration >= placement.generation;

const isAtRest = (placement: PlacementWork): boolean =>
  isReached(placement) && (placement.order?.action === "stop" || placement.order?.action === "remove");

const areAll = (work: ChainWork, backupId: string, action: WorkOrder["action"]): boolean =>
  work.placements.every(({ order }) => order?.action === action && order.backup?.id === backupId);

/** Whether every region has done its part of the stage that all of them are at; null: they are at different ones. */
const stageOf = (work: ChainWork, backupId: string, stages: readonly Copying["stage"][]): Copying["stage"] | "done" => {
  for (const [index, stage] of stages.entries()) {
    if (areAll(work, backupId, stage)) return work.placements.every(isReached) ? (stages[index + 1] ?? "done") : stage;
  }
  const [first = "stop"] = stages;
  return work.placements.every(isAtRest) ? first : "stop";
};

const copyOf = (placement: PlacementWork, backupId: string): BackupCopy | null => {
  const result = placement.stepResults.find(
    ({ key, state }) => key === backupResultKey(backupId, "snapshot") && state === "succeeded",
  );
  const facts = result?.output as { sizeBytes?: number; files?: number; digest?: string } | undefined;
  if (facts === undefined) return null;
  const { sizeBytes = 0, files = 0, digest = "" } = facts;
  return { placementId: placement.id, region: placement.region, sizeBytes, files, digest };
};

const timedOut: OperationError = {
  code: "step.timed_out",
  message: "The chain's data was not copied in time.",
  hint: "Look at the chain's conditions and logs, then try again.",
  retryable: true,
};

/** Why it can't go on: nodes must not stand still for somebody to decide. */
const findTrouble = (work: ChainWork, now: Date): OperationError | null => {
  const since = work.operation?.startedAt ?? null;
  const ageMs = since === null ? 0 : now.getTime() - since.getTime();
  for (const placement of work.placements) {
    // What stood in the way before the nodes were to stop is what a restore may be for.
    if (placement.order === null || !copyOrders.has(placement.order.action)) continue;
    if (placement.problem !== null && (!placement.problem.retryable || ageMs > patienceMs)) return placement.problem;
    const isLost = !isReached(placement) && placement.order.action === "stop" && isSilent(placement, now);
    if (isLost && ageMs > patienceMs)
      return { code: "region.unreachable", message: `No report from ${placement.region}.`, retryable: true };
  }
  return ageMs > longestCopyMs ? timedOut : null;
};

const superseded: OperationError = {
  code: "resource.conflict",
  message: "Something else was wished of the chain before the backup was taken.",
  retryable: false,
};

const nothing = (work: ChainWork): CopyTurn => ({ work, copying: null, backup: null, restore: null, error: null });

const backupTurn = (work: ChainWork, now: Date): CopyTurn => {
  const { backup, operation } = work;
  if (backup === null) return nothing(work);
  const end = (error: OperationError): CopyTurn => ({
    ...nothing(work),
    backup: { id: backup.id, state: "failed", error },
    error,
  });
  if (operation?.id !== backup.operationId || operation.isCancelling) return { ...end(superseded), error: null };
  const stage = stageOf(work, backup.id, ["snapshot"]);
  if (stage === "done") {
    const copies = work.placements.map((placement) => copyOf(placement, backup.id));
    if (!copies.includes(null))
      return {
        ...nothing(work),
        backup: { id: backup.id, state: "ready", copies: copies.filter((copy) => copy !== null) },
      };
    return end(timedOut);
  }
  const trouble = findTrouble(work, now);
  if (trouble !== null) return end(trouble);
  return {
    ...nothing(work),
    copying: { kind: "backup", backupId: backup.id, stage, copies: new Map(), keepsAddresses: false },
  };
};

const notReady: OperationError = {
  code: "backup.not_ready",
  message: "The backup is not one that can be restored any more.",
  retryable: false,
};

const giveUp = (work: ChainWork, restore: NonNullable<ChainWork["restore"]>, error: OperationError): CopyTurn => {
  const { former } = restore;
  return {
    ...nothing({ ...work, wish: former.wish, deletedAt: former.deletedAt, purgeAt: former.purgeAt }),
    restore: { kind: "givenUp", former },
    error,
  };
};

const isRestoreBegun = (work: ChainWork, backupId: string): boolean => areAll(work, backupId, "restore");

const restoreTurn = (work: ChainWork, now: Date): CopyTurn => {
  const { restore } = work;
  // What was begun before a delete goes on when the chain comes back.
  if (restore === null || work.wish !== "running") return nothing(work);
  const { backupId, isReady } = restore;
  const stage = stageOf(work, backupId, ["verify", "restore"]);
  if (stage === "done") return { ...nothing(work), restore: { kind: "done" } };
  const copies = new Map(restore.copies.map((copy) => [copy.placementId, copy]));
  // From the first volume that was replaced on there is no way back but to the end.
  const isBegun = isRestoreBegun(work, backupId);
  const isWhole = isReady && work.placements.every(({ id }) => copies.has(id));
  const trouble = isBegun ? null : isWhole ? findTrouble(work, now) : notReady;
  // A chain that is restored before it ever ran here was imported.
  const keepsAddresses = !work.hasRun;
  if (trouble === null)
    return { ...nothing(work), copying: { kind: "restore", backupId, stage, copies, keepsAddresses } };
  return giveUp(work, restore, trouble);
};

/**
 * Whether what came from another plane can be made into a chain is to be tried before its data is laid in place: then
 * there is a way back, and nothing of it keeps the chain's id from the one who has the right document.
 */
export const isOnTrial = ({ work, copying }: CopyTurn): boolean =>
  copying?.keepsAddresses === true && !isRestoreBegun(work, copying.backupId);

/** The turn after the trial. `problem`: what the framework can't make of it; what may pass is waited for. */
export const afterTrial = (turn: CopyTurn, problem: OperationError | null, now: Date): CopyTurn => {
  const { work, copying } = turn;
  if (problem === null || copying === null || work.restore === null) return turn;
  const since = work.operation?.startedAt ?? now;
  if (!problem.retryable || now.getTime() - since.getTime() > patienceMs) return giveUp(work, work.restore, problem);
  return copying.stage === "restore" ? { ...turn, copying: { ...copying, stage: "verify" } } : turn;
};

/** Where the copying of a chain's data stands, from its regions' orders and reports alone. Pure. */
export const toCopyTurn = (work: ChainWork, now: Date): CopyTurn => {
  return work.backup === null ? restoreTurn(work, now) : backupTurn(work, now);
};
