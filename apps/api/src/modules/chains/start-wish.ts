import type { OperationResource } from "@portolan/contract";
import { DomainError, type OperationKind, type Principal, type Wish } from "@portolan/domain";
import { chainWishes, operationRepository, type StoreTransaction } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes, type Outcome } from "../../http/change.ts";
import type { Answer, Caller } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { operationLocation, presentOperation } from "../operations/present.ts";
import { busy, type LockedChain } from "./guards.ts";

export type ChainOutcome = Outcome<OperationResource>;

export interface WishRequest {
  principal: Principal;
  caller: Caller;
  body: unknown;
  chainId: string;
}

export interface NewWish {
  kind: OperationKind;
  wish: Wish;
  deletedAt?: Date | null;
  purgeAt?: Date | null;
  /** The backup whose data the chain is to have. */
  restoreBackupId?: string;
  /** For the audit log, besides the operation's id. */
  detail?: { readonly [name: string]: string };
}

/** How a chain gets a new wish with its operation: the row held, both in one transaction, the worker woken after it. */
export const createWishStarter = (deps: Pick<ApiDeps, "clock" | "ids" | "jobs">, changes: Changes) => {
  const { clock, ids } = deps;

  const change = async (
    request: WishRequest,
    work: (transaction: StoreTransaction, chain: LockedChain) => Promise<ChainOutcome>,
  ): Promise<Answer<OperationResource>> => {
    const { principal, caller, body, chainId } = request;
    const answer = await changes.inTenant<OperationResource>({ principal, caller, body }, async (transaction) => {
      const chain = await chainWishes.lock(transaction, principal.tenantId, chainId);
      if (chain === null) throw notFound("chain");
      return work(transaction, chain);
    });
    void deps.jobs.wake("chain.coordinate", { chainId });
    return answer;
  };

  const demandFree = async (transaction: StoreTransaction, chain: LockedChain): Promise<void> => {
    const live = await operationRepository.live(transaction, chain.tenantId, chain.id);
    if (live !== null) throw busy(live);
  };

  /** The new wish with its operation. The caller holds the chain's row and has made sure that it is free. */
  const start = async (
    transaction: StoreTransaction,
    request: Pick<WishRequest, "principal">,
    chain: LockedChain,
    input: NewWish,
  ): Promise<ChainOutcome> => {
    const { kind, wish, deletedAt = null, purgeAt = null, restoreBackupId, detail = {} } = input;
    const { tenantId, id: chainId, appId } = chain;
    const actor = actorOf(request.principal);
    const createdAt = clock.now();
    const backup = restoreBackupId === undefined ? {} : { backupId: restoreBackupId };
    const operation = await operationRepository.insert(transaction, {
      id: ids.next("operation"),
      tenantId,
      appId,
      kind,
      targetId: chainId,
      generation: chain.generation + 1,
      former: { wish: chain.wish, deletedAt: chain.deletedAt, purgeAt: chain.purgeAt, ...backup },
      actorType: actor.type,
      actorId: actor.id,
      createdAt,
    });
    if (operation === null) {
      const live = await operationRepository.live(transaction, tenantId, chainId);
      throw live === null
        ? new DomainError({ code: "unavailable", message: "The chain has just changed.", retryable: true })
        : busy(live);
    }
    await chainWishes.wish(transaction, {
      ...{ tenantId, id: chainId, wish, now: createdAt, deletedAt, purgeAt },
      ...(restoreBackupId === undefined ? {} : { restoreBackupId }),
    });
    return {
      body: presentOperation(operation),
      headers: { location: operationLocation(operation.id) },
      audit: {
        tenantId,
        actor,
        action: kind,
        target: { type: "chain", id: chainId },
        detail: { operationId: operation.id, ...backup, ...detail },
      },
    };
  };

  return { change, demandFree, start };
};
