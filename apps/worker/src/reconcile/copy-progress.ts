import { backupSteps, importSteps, type OperationError, type OperationStep, restoreSteps } from "@portolan/domain";
import type { ChainChanges, OperationWork } from "@portolan/store";
import type { Copying, CopyTurn } from "./copy-turn.ts";

const stageKeys: { readonly [stage in Copying["stage"]]: string } = {
  stop: "stop",
  snapshot: "copy",
  verify: "verify",
  restore: "replace",
};

/** The steps that stand before those of a start, by what the operation is; none for one that copies nothing. */
const stepsOf = (operation: OperationWork, copy: CopyTurn): readonly { key: string; title: string }[] => {
  if (operation.kind === "chain.backup") return backupSteps;
  if (operation.kind === "chain.import") return importSteps;
  const isRestore = operation.kind === "chain.restore" && (copy.copying !== null || copy.restore !== null);
  return isRestore || operation.steps.some(({ key }) => key === "verify") ? restoreSteps : [];
};

/** How far the copying is; a step that failed stays so, and is what the operation ends with. */
export const copyProgress = (operation: OperationWork, copy: CopyTurn, now: Date): OperationStep[] => {
  const list = stepsOf(operation, copy);
  const formerOf = (key: string) => operation.steps.find((step) => step.key === key);
  if (list.some(({ key }) => formerOf(key)?.state === "failed"))
    return list.map(({ key, title }) => formerOf(key) ?? { key, title, state: "skipped" });
  const stage = copy.copying?.stage;
  const at = now.toISOString();
  const begun = (key: string) => ({ startedAt: formerOf(key)?.startedAt ?? at });
  const firstOpen = list.findIndex(({ key }) => formerOf(key)?.state !== "succeeded");
  const current = stage === undefined ? list.length : list.findIndex(({ key }) => key === stageKeys[stage]);
  return list.map(({ key, title }, index): OperationStep => {
    if (copy.error !== null && index >= firstOpen)
      return index === firstOpen
        ? { key, title, state: "failed", ...begun(key), error: copy.error }
        : { key, title, state: "skipped" };
    if (index < current || copy.error !== null)
      return { key, title, state: "succeeded", ...begun(key), endedAt: formerOf(key)?.endedAt ?? at };
    return index === current ? { key, title, state: "running", ...begun(key) } : { key, title, state: "pending" };
  });
};

/** Why the copying was given up; null: it was not. */
export const copyFailure = (steps: readonly OperationStep[]): OperationError | null =>
  [...backupSteps, ...restoreSteps]
    .map(({ key }) => steps.find((step) => step.key === key && step.state === "failed")?.error)
    .find((error) => error !== undefined) ?? null;

/** What the chain's own log says of its backups. */
export const toCopyEvents = ({ backup, restore, error }: CopyTurn): ChainChanges["events"] => {
  const type = "backup";
  if (backup?.state === "ready") return [{ type, reason: "ready", message: `The backup ${backup.id} was taken.` }];
  if (backup !== null)
    return [{ type, reason: backup.error.code, message: `A backup failed: ${backup.error.message}` }];
  if (restore?.kind === "done") return [{ type, reason: "restored", message: "A backup's data is in place." }];
  if (restore === null) return [];
  const message = `A backup was not restored, the chain's data is as it was: ${error?.message ?? ""}`;
  return [{ type, reason: error?.code ?? "failed", message }];
};
