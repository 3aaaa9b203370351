import {
  DomainError,
  isDone,
  type JsonObject,
  type OperationKind,
  type OperationState,
  type Wish,
} from "@portolan/domain";
import {
  chainRepository,
  chainWishes,
  type OperationRow,
  operationRepository,
  partRepository,
  type StoreTransaction,
  toChainSpec,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { HandlerRequest, Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import type { LockedChain } from "../chains/guards.ts";
import { toGrowth } from "../chains/resize.ts";
import { cancelPart } from "../parts/cancel.ts";
import { notCancellable } from "./not-cancellable.ts";
import { operationLocation, presentOperation } from "./present.ts";

interface Former {
  wish: Wish;
  deletedAt: string | null;
  /** Of a restore: the backup. */
  backupId?: string;
  /** Of an update: what it goes back to. */
  name?: string;
  settings?: JsonObject;
  version?: string;
  plan?: string;
}

/** What the chain is wished to be when an operation of this kind is taken back; null: it can't be. */
const wishAfterCancel = (kind: OperationKind, former: Former | null): Wish | null => {
  if (kind === "chain.create") return "deleted";
  // Some of the data may have been replaced already, and the former is gone then.
  if (kind === "chain.restore" && former?.backupId !== undefined) return null;
  if (
    kind === "chain.backup" ||
    kind === "chain.pause" ||
    kind === "chain.resume" ||
    kind === "chain.restore" ||
    kind === "chain.update"
  )
    return former?.wish ?? null;
  return null;
};

/**
 * Nodes of an older version may not read what newer ones have written: once one runs the new version there is a way
 * back only where the framework lists one.
 */
const demandWayBack = async (
  { frameworks }: Pick<ApiDeps, "frameworks">,
  transaction: StoreTransaction,
  chain: LockedChain,
  version: string,
): Promise<void> => {
  if (version === chain.version) return;
  const versions = frameworks.find(chain.framework)?.versions ?? [];
  if (versions.find((each) => each.version === chain.version)?.upgradesTo.includes(version) === true) return;
  const upgraded = await chainRepository.nodesOfVersion(transaction, chain.tenantId, chain.id, chain.version);
  if (upgraded.length === 0) return;
  throw notCancellable(
    `${upgraded.slice(0, 5).join(", ")} of the chain ${upgraded.length === 1 ? "has" : "have"} run ${chain.version} already, from which there is no way back to ${version}.`,
    "It ends by itself once the reason that the chain's conditions show is mended; a delete takes its place.",
  );
};

/** What a chain was before an update, and what that reserves. */
const goBack = async (
  { frameworks }: Pick<ApiDeps, "frameworks">,
  transaction: StoreTransaction,
  input: { tenantId: string; id: string; former: Former },
): Promise<void> => {
  const { tenantId, id, former } = input;
  const before = await chainWishes.lock(transaction, tenantId, id);
  const { name, settings } = former;
  if (before === null || name === undefined || settings === undefined) return;
  // Operations from before there were upgrades say neither.
  const { version = before.version, plan = before.plan } = former;
  await demandWayBack({ frameworks }, transaction, before, version);
  await chainWishes.describe(transaction, { tenantId, id, name, settings, version, plan });
  const chain = await chainWishes.lock(transaction, tenantId, id);
  const framework = frameworks.find(before.framework);
  if (chain === null || framework === undefined) return;
  const spec = toChainSpec(chain, await partRepository.ofChain(transaction, tenantId, id));
  const { nodeCount, storageBytes } = toGrowth(chain, framework, spec);
  await chainWishes.resize(transaction, { tenantId, id, nodeCount, storageBytes });
};

const chainOf = (operation: OperationRow): string => operation.chainId ?? operation.targetId;

export const cancelHandlers = (
  deps: ApiDeps,
  changes: Changes,
): Pick<Handlers, "operations.cancel" | "operations.retry"> => {
  const { clock } = deps;

  /** Chain first, operation second: the order in which everybody else takes them. */
  const load = async (transaction: StoreTransaction, tenantId: string, id: string): Promise<OperationRow> => {
    const found = await operationRepository.byId(transaction, tenantId, id);
    if (found === null) throw notFound("operation");
    await chainWishes.lock(transaction, tenantId, chainOf(found));
    return (await operationRepository.byId(transaction, tenantId, id)) ?? found;
  };

  const cancel = async (transaction: StoreTransaction, operation: OperationRow): Promise<OperationRow> => {
    if (isDone(operation.state as OperationState)) throw notCancellable("The operation has ended.");
    if (operation.isCancelling) return operation;
    if (operation.chainId !== null) return cancelPart(deps, transaction, operation, operation.chainId);
    const former = operation.former as unknown as Former | null;
    const wish = wishAfterCancel(operation.kind as OperationKind, former);
    if (wish === null) {
      const hint =
        operation.kind === "chain.delete"
          ? "Restore the chain when it has ended, if its plan has a recovery window."
          : operation.kind === "chain.restore" || operation.kind === "chain.import"
            ? "Data may have been replaced already. It ends by itself; a delete takes its place."
            : undefined;
      throw notCancellable(`An operation ${operation.kind} can't be taken back.`, hint);
    }
    const deletedAt = wish !== "deleted" ? null : former?.deletedAt ? new Date(former.deletedAt) : clock.now();
    const { tenantId, targetId: id } = operation;
    if (wish === "deleted") await operationRepository.supersedeParts(transaction, tenantId, id, clock.now());
    if (former !== null) await goBack(deps, transaction, { tenantId, id, former });
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
    const { tenantId, id } = operation;
    const marked = await operationRepository.markRetried(transaction, tenantId, id);
    if (marked === null) {
      throw new DomainError({
        code: "operation.not_retryable",
        message: "Only an operation that needs attention can be tried again.",
        hint: isDone(operation.state as OperationState) ? "It has ended: ask for the change anew." : "It is under way.",
      });
    }
    await chainWishes.nudge(transaction, tenantId, chainOf(operation), clock.now());
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
      let chainId: string | null = null;
      const answer = await changes.inTenant({ principal, caller, body }, async (transaction) => {
        const operation = await work(transaction, await load(transaction, tenantId, params.operation));
        chainId = chainOf(operation);
        return {
          body: presentOperation(operation),
          headers: { location: operationLocation(operation.id) },
          audit: {
            tenantId,
            actor: actorOf(principal),
            action,
            target: { type: "operation", id: operation.id },
            detail: { kind: operation.kind, chainId: chainOf(operation) },
          },
        };
      });
      if (chainId !== null) void deps.jobs.wake("chain.coordinate", { chainId });
      return answer;
    };

  return {
    "operations.cancel": handle("operation.cancel", cancel),
    "operations.retry": handle("operation.retry", retry),
  };
};
