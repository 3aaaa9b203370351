import { DomainError } from "@portolan/domain";
import {
  appRepository,
  decisionRepository,
  operationRepository,
  partRepository,
  tenantRepository,
  toChainSpec,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Changes } from "../../http/change.ts";
import type { Handlers } from "../../http/handler.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { demandBackup } from "../backups/demand-backup.ts";
import { operationLocation, presentOperation } from "../operations/present.ts";
import { appraise, countryOf, demandQuota, quotaLines } from "./appraise.ts";
import { demandAllowed, keepingDenials } from "./create.ts";
import { gone, isGone, type LockedChain, wrongPhase } from "./guards.ts";
import { createWishStarter, type WishRequest } from "./start-wish.ts";

type WishHandlers = Pick<Handlers, "chains.pause" | "chains.resume" | "chains.delete" | "chains.restore">;

export const wishHandlers = (deps: ApiDeps, changes: Changes): WishHandlers => {
  const { clock, frameworks } = deps;
  const { change, demandFree, start } = createWishStarter(deps, changes);

  const factsOf = (chain: LockedChain) =>
    frameworks.find(chain.framework)?.plans.find(({ plan }) => plan === chain.plan);
  const recoveryWindowOf = (chain: LockedChain): number => factsOf(chain)?.recoveryWindowSeconds ?? 0;

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

  const restore = (request: WishRequest, country: string | undefined, backupId?: string) =>
    change(request, async (transaction, chain) => {
      const { principal, caller } = request;
      const { tenantId } = principal;
      if (backupId === undefined || isGone(chain)) demandRestorable(chain);
      const backup = backupId === undefined ? null : await demandBackup(deps, transaction, chain, backupId);
      await demandFree(transaction, chain);
      demandActiveApp(await appRepository.hold(transaction, tenantId, chain.appId));
      if (backup !== null) await partRepository.wishGoneAgain(transaction, tenantId, chain.id, backup.createdAt);
      const wish = { kind: "chain.restore", wish: "running" } as const;
      const restored = backup === null ? wish : { ...wish, restoreBackupId: backup.id };
      // What a chain reserves that is not deleted was judged before.
      if (!isGone(chain)) return start(transaction, request, chain, restored);
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
      return start(transaction, request, chain, restored);
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
      const country = await countryOf(deps, principal);
      return keepingDenials(deps, () =>
        restore({ principal, caller, body, chainId: params.chain }, country, body.backup),
      );
    },
  };
};
