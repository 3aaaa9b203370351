import { DomainError, isDone, type OperationKind, type OperationState, type Wish } from "@portolan/domain";
import { chainWishes, type OperationRow, operationRepository, type StoreTransaction } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { HandlerRequest, Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { operationLocation, presentOperation } from "./present.ts";

interface Former {
  wish: Wish;
  deletedAt: string | null;
}

/** What the chain is wished to be when an operation of this kind is taken back; null: it can't be. */
const wishAfterCancel = (kind: OperationKind, former: Former | null): Wish | null => {
  if (kind === "chain.create") return "deleted";
  if (kind === "chain.pause" || kind === "chain.resume" || kind === "chain.restore" || kind === "chain.update")
    return former?.wish ?? null;
  return null;
};

const notCancellable = (message: string, hint?: string): DomainError =>
  new DomainError({ code: "operation.not_cancellable", message, ...(hint === undefined ? {} : { hint }) });

export const cancelHandlers = (
  deps: ApiDeps,
  changes: Changes,
): Pick<Handlers, "operations.cancel" | "operations.retry"> => {
  const { clock } = deps;

  /** Chain first, operation second: the order in which everybody else takes them. */
  const load = async (transaction: StoreTransaction, tenantId: string, id: string): Promise<OperationRow> => {
    const found = await operationRepository.byId(transaction, tenantId, id);
    if (found === null) throw notFound("operation");
    await chainWishes.lock(transaction, tenantId, found.targetId);
    return (await operationRepository.byId(transaction, tenantId, id)) ?? found;
  };

  const cancel = async (transaction: StoreTransaction, operation: OperationRow): Promise<OperationRow> => {
    if (isDone(operation.state as OperationState)) throw notCancellable("The operation has ended.");
    if (operation.isCancelling) return operation;
    const former = operation.former as unknown as Former | null;
    const wish = wishAfterCancel(operation.kind as OperationKind, former);
    if (wish === null) {
      const hint =
        operation.kind === "chain.delete"
          ? "Restore the chain when it has ended, if its plan has a recovery window."
          : undefined;
      throw notCancellable(`An operation ${operation.kind} can't be taken back.`, hint);
    }
    const deletedAt = wish !== "deleted" ? null : former?.deletedAt ? new Date(former.deletedAt) : clock.now();
    const { tenantId, targetId: id } = operation;
    const { generation } = await chainWishes.wish(transaction, {
      tenantId,
      id,
      wish,
      now: clock.now(),
      deletedAt,
      purgeAt: null,
    });
    const marked = await operationRepository.markCancelling(transaction, operation, generation);
    if (marked === null) throw notCancellable("The operation has ended.");
    return marked;
  };

  const retry = async (transaction: StoreTransaction, operation: OperationRow): Promise<OperationRow> => {
    const { tenantId, targetId, id } = operation;
    const marked = await operationRepository.markRetried(transaction, tenantId, id);
    if (marked === null) {
      throw new DomainError({
        code: "operation.not_retryable",
        message: "Only an operation that needs attention can be tried again.",
        hint: isDone(operation.state as OperationState) ? "It has ended: ask for the change anew." : "It is under way.",
      });
    }
    await chainWishes.nudge(transaction, tenantId, targetId, clock.now());
    return marked;
  };

  const handle =
    (action: "operation.cancel" | "operation.retry", work: typeof cancel) =>
    async ({
      principal,
      caller,
      body,
      params,
    }: HandlerRequest<"operations.cancel"> | HandlerRequest<"operations.retry">) => {
      const { tenantId } = principal;
      const answer = await changes.inTenant({ principal, caller, body }, async (transaction) => {
        const operation = await work(transaction, await load(transaction, tenantId, params.operation));
        return {
          body: presentOperation(operation),
          headers: { location: operationLocation(operation.id) },
          audit: {
            tenantId,
            actor: actorOf(principal),
            action,
            target: { type: "operation", id: operation.id },
            detail: { kind: operation.kind, chainId: operation.targetId },
          },
        };
      });
      void deps.jobs.wake("chain.coordinate", { chainId: answer.body.target.id });
      return answer;
    };

  return {
    "operations.cancel": handle("operation.cancel", cancel),
    "operations.retry": handle("operation.retry", retry),
  };
};
