import type { OperationResource } from "@portolan/contract";
import { DomainError, type OperationKind, type Principal, type Wish } from "@portolan/domain";
import {
  appRepository,
  chainWishes,
  decisionRepository,
  operationRepository,
  partRepository,
  type StoreTransaction,
  tenantRepository,
  toChainSpec,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes, type Outcome } from "../../http/change.ts";
import type { Answer, Caller, Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { operationLocation, presentOperation } from "../operations/present.ts";
import { appraise, countryOf, demandQuota, quotaLines } from "./appraise.ts";
import { demandAllowed, keepingDenials } from "./create.ts";
import { busy, gone, isGone, type LockedChain, wrongPhase } from "./guards.ts";

type WishHandlers = Pick<Handlers, "chains.pause" | "chains.resume" | "chains.delete" | "chains.restore">;
type ChainOutcome = Outcome<OperationResource>;

interface WishRequest {
  principal: Principal;
  caller: Caller;
  body: unknown;
  chainId: string;
}

export const wishHandlers = (deps: ApiDeps, changes: Changes): WishHandlers => {
  const { clock, ids, frameworks } = deps;

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

  /** The new wish with its operation. The caller holds the chain's row and has made sure that it is free. */
  const start = async (
    transaction: StoreTransaction,
    request: WishRequest,
    chain: LockedChain,
    input: { kind: OperationKind; wish: Wish; deletedAt?: Date | null; purgeAt?: Date | null },
  ): Promise<ChainOutcome> => {
    const { principal } = request;
    const { kind, wish, deletedAt = null, purgeAt = null } = input;
    const { tenantId, id: chainId, appId } = chain;
    const actor = actorOf(principal);
    const createdAt = clock.now();
    const operation = await operationRepository.insert(transaction, {
      id: ids.next("operation"),
      tenantId,
      appId,
      kind,
      targetId: chainId,
      generation: chain.generation + 1,
      former: { wish: chain.wish, deletedAt: chain.deletedAt, purgeAt: chain.purgeAt },
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
    await chainWishes.wish(transaction, { tenantId, id: chainId, wish, now: createdAt, deletedAt, purgeAt });
    return {
      body: presentOperation(operation),
      headers: { location: operationLocation(operation.id) },
      audit: {
        tenantId,
        actor,
        action: kind,
        target: { type: "chain", id: chainId },
        detail: { operationId: operation.id },
      },
    };
  };

  const factsOf = (chain: LockedChain) =>
    frameworks.find(chain.framework)?.plans.find(({ plan }) => plan === chain.plan);
  const recoveryWindowOf = (chain: LockedChain): number => factsOf(chain)?.recoveryWindowSeconds ?? 0;

  const demandFree = async (transaction: StoreTransaction, chain: LockedChain): Promise<void> => {
    const live = await operationRepository.live(transaction, chain.tenantId, chain.id);
    if (live !== null) throw busy(live);
  };

  const demandRestorable = (chain: LockedChain): void => {
    const refuse = (message: string, hint: string) => new DomainError({ code: "chain.not_restorable", message, hint });
    if (!isGone(chain)) throw wrongPhase("The chain is not deleted.", "There is nothing to restore.");
    if (recoveryWindowOf(chain) === 0) {
      throw refuse(
        `Chains of the plan ${chain.plan} have no recovery window.`,
        "Make a new chain; another plan may have a window.",
      );
    }
    if (chain.wish === "purged" || (chain.purgeAt !== null && chain.purgeAt <= clock.now())) {
      throw refuse("The recovery window is over: volumes and keys are gone.", "Make a new chain.");
    }
  };

  const restore = (request: WishRequest, country: string | undefined) =>
    change(request, async (transaction, chain) => {
      const { principal, caller } = request;
      const { tenantId } = principal;
      demandRestorable(chain);
      await demandFree(transaction, chain);
      demandActiveApp(await appRepository.hold(transaction, tenantId, chain.appId));
      const framework = frameworks.find(chain.framework);
      const facts = framework?.plans.find(({ plan }) => plan === chain.plan);
      if (framework === undefined || facts === undefined)
        throw new DomainError({ code: "framework.unknown", message: "There is no such framework." });
      const spec = toChainSpec(chain, await partRepository.ofChain(transaction, tenantId, chain.id));
      const reviewed = { framework, facts, spec };
      const appraisal = await appraise(deps, transaction, {
        principal,
        country,
        requestId: caller.requestId,
        reviewed,
      });
      demandAllowed(appraisal);
      await decisionRepository.insert(transaction, appraisal.decisions);
      const overrides = await tenantRepository.lockQuota(transaction, tenantId);
      demandQuota(await quotaLines(transaction, { tenantId, appId: chain.appId, overrides, ...appraisal }));
      return start(transaction, request, chain, { kind: "chain.restore", wish: "running" });
    });

  return {
    "chains.pause": ({ principal, caller, body, params }) => {
      const request = { principal, caller, body, chainId: params.chain };
      return change(request, async (transaction, chain) => {
        if (isGone(chain)) throw gone(chain, recoveryWindowOf(chain));
        await demandFree(transaction, chain);
        if (chain.wish !== "running")
          throw wrongPhase("The chain is paused already.", "POST …/resume starts it again.");
        return start(transaction, request, chain, { kind: "chain.pause", wish: "paused" });
      });
    },

    "chains.resume": ({ principal, caller, body, params }) => {
      const request = { principal, caller, body, chainId: params.chain };
      return change(request, async (transaction, chain) => {
        if (isGone(chain)) throw gone(chain, recoveryWindowOf(chain));
        await demandFree(transaction, chain);
        if (chain.wish !== "paused") throw wrongPhase("The chain is not paused.", "There is nothing to resume.");
        demandActiveApp(await appRepository.hold(transaction, principal.tenantId, chain.appId));
        return start(transaction, request, chain, { kind: "chain.resume", wish: "running" });
      });
    },

    "chains.delete": ({ principal, caller, params }) => {
      const request = { principal, caller, body: null, chainId: params.chain };
      return change(request, async (transaction, chain) => {
        const live = await operationRepository.live(transaction, chain.tenantId, chain.id);
        // A delete that is under way is the answer to a second one.
        if (live !== null && live.kind === "chain.delete") {
          return { body: presentOperation(live), headers: { location: operationLocation(live.id) }, audit: null };
        }
        if (isGone(chain) && (live === null || live.kind === "chain.purge")) throw gone(chain, recoveryWindowOf(chain));
        if (live !== null) await operationRepository.supersede(transaction, live, clock.now());
        await operationRepository.supersedeParts(transaction, chain.tenantId, chain.id, clock.now());
        return start(transaction, request, chain, { kind: "chain.delete", wish: "deleted", deletedAt: clock.now() });
      });
    },

    "chains.restore": async ({ principal, caller, body, params }) => {
      if (body.backup !== undefined) {
        throw new DomainError({
          code: "chain.not_restorable",
          message: "Backups are not there yet: a chain can only be restored as it was when it was deleted.",
          hint: "Send {} to bring a deleted chain back.",
        });
      }
      const country = await countryOf(deps, principal);
      return keepingDenials(deps, () => restore({ principal, caller, body, chainId: params.chain }, country));
    },
  };
};
