import type { BodyOf, OperationResource } from "@portolan/contract";
import { DomainError } from "@portolan/domain";
import {
  appRepository,
  chainWishes,
  decisionRepository,
  operationRepository,
  partRepository,
  regionRepository,
  type StoreTransaction,
  tenantRepository,
  toChainSpec,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes, type Outcome } from "../../http/change.ts";
import { demandMatch, toETag } from "../../http/etag.ts";
import type { HandlerRequest, Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { operationLocation, presentOperation } from "../operations/present.ts";
import { appraise, countryOf, presentQuote, quotaLines } from "./appraise.ts";
import { capabilitiesOf } from "./capabilities-of.ts";
import { demandAllowed, keepingDenials } from "./create.ts";
import { demandExposure } from "./demand-exposure.ts";
import { busy, gone, isGone, type LockedChain, wrongPhase } from "./guards.ts";
import { mergeSettings } from "./merge-settings.ts";
import { resizeChain, toGrowth } from "./resize.ts";
import { demandNoProblem, newProblems, parseSettings, type ReviewedChain } from "./review.ts";
import { demandStorage, findPlan, reviewVersion } from "./review-move.ts";

type UpdateHandlers = Pick<Handlers, "chains.update" | "chains.quoteUpdate">;

export const updateHandlers = (deps: ApiDeps, changes: Changes): UpdateHandlers => {
  const { clock, ids, frameworks, operator } = deps;

  /** The chain as it would be. Throws as a creation does, and for what can't be changed. */
  const review = async (
    transaction: StoreTransaction,
    chain: LockedChain,
    body: BodyOf<"chains.update">,
  ): Promise<ReviewedChain> => {
    const framework = frameworks.find(chain.framework);
    if (framework === undefined)
      throw new DomainError({ code: "framework.unknown", message: "The chain's framework is not offered any more." });
    const formerFacts = framework.plans.find(({ plan }) => plan === chain.plan);
    if (formerFacts === undefined)
      throw new DomainError({ code: "plan.unknown", message: "The chain's plan is not offered any more." });
    const former = toChainSpec(chain, await partRepository.ofChain(transaction, chain.tenantId, chain.id));
    const settings = parseSettings(framework, mergeSettings(former.settings, body.settings ?? {}));
    const facts = body.plan === undefined ? formerFacts : findPlan(framework, body.plan);
    const version = reviewVersion(framework, former.version, body.version);
    const spec = { ...former, name: body.name ?? former.name, settings, version, plan: facts.plan };
    const rows = await regionRepository.bySlugs(transaction, spec.regions);
    if (facts !== formerFacts) {
      const can = capabilitiesOf(rows).map((capabilities, index) => ({ slug: rows[index]?.slug ?? "", capabilities }));
      demandStorage(formerFacts, facts, spec, can);
    }
    demandNoProblem(newProblems(framework.review(former, operator), framework.review(spec, operator)));
    demandNoProblem(framework.reviewUpdate?.(former, spec) ?? []);
    demandExposure({ framework, spec }, rows, former);
    return { framework, facts, spec };
  };

  const demandThere = (chain: LockedChain): void => {
    const plan = frameworks.find(chain.framework)?.plans.find((facts) => facts.plan === chain.plan);
    if (isGone(chain)) throw gone(chain, plan?.recoveryWindowSeconds ?? 0);
  };

  const update = async (
    transaction: StoreTransaction,
    { principal, caller, params, body }: HandlerRequest<"chains.update">,
    country: string | undefined,
  ): Promise<Outcome<OperationResource>> => {
    const { tenantId } = principal;
    const chain = await chainWishes.lock(transaction, tenantId, params.chain);
    if (chain === null) throw notFound("chain");
    demandThere(chain);
    demandMatch(caller.ifMatch, chain.generation);
    const live = await operationRepository.live(transaction, tenantId, chain.id);
    if (live !== null) throw busy(live);
    if (chain.wish !== "running") throw wrongPhase("The chain is paused.", "POST …/resume starts it again.");
    demandActiveApp(await appRepository.hold(transaction, tenantId, chain.appId));
    const reviewed = await review(transaction, chain, body);
    const input = { principal, country, requestId: caller.requestId, reviewed, isThere: true };
    const appraisal = await appraise(deps, transaction, input);
    demandAllowed(appraisal);
    await decisionRepository.insert(transaction, appraisal.decisions);
    const { name, settings, version, plan } = reviewed.spec;
    await resizeChain(transaction, chain, reviewed.framework, reviewed.spec);
    await chainWishes.describe(transaction, { tenantId, id: chain.id, name, settings, version, plan });
    const actor = actorOf(principal);
    const now = clock.now();
    const operation = await operationRepository.insert(transaction, {
      id: ids.next("operation"),
      tenantId,
      appId: chain.appId,
      kind: "chain.update",
      targetId: chain.id,
      generation: chain.generation + 1,
      former: {
        ...{ wish: chain.wish, deletedAt: null, purgeAt: null },
        ...{ name: chain.name, settings: chain.settings, version: chain.version, plan: chain.plan },
      },
      actorType: actor.type,
      actorId: actor.id,
      createdAt: now,
    });
    if (operation === null)
      throw new DomainError({ code: "unavailable", message: "The chain has just changed.", retryable: true });
    const { generation } = await chainWishes.wish(transaction, {
      ...{ tenantId, id: chain.id, wish: "running", now, deletedAt: null, purgeAt: null },
    });
    return {
      body: presentOperation(operation),
      headers: { location: operationLocation(operation.id), etag: toETag(generation) },
      audit: {
        tenantId,
        actor,
        action: "chain.update",
        target: { type: "chain", id: chain.id },
        detail: {
          ...{ operationId: operation.id, members: Object.keys(body), settings: Object.keys(body.settings ?? {}) },
          ...(version === chain.version ? {} : { version: { from: chain.version, to: version } }),
          ...(plan === chain.plan ? {} : { plan: { from: chain.plan, to: plan } }),
        },
      },
    };
  };

  return {
    "chains.update": async (request) => {
      const { principal, caller, body, params } = request;
      const country = await countryOf(deps, principal);
      const answer = await keepingDenials(deps, () =>
        changes.inTenant({ principal, caller, body }, (transaction) => update(transaction, request, country)),
      );
      void deps.jobs.wake("chain.coordinate", { chainId: params.chain });
      return answer;
    },

    "chains.quoteUpdate": async ({ principal, caller, body, params }) => {
      const { tenantId, portalId } = principal;
      const country = await countryOf(deps, principal);
      return changes.inTenant({ principal, caller, body }, async (transaction) => {
        const chain = await chainWishes.lock(transaction, tenantId, params.chain);
        if (chain === null) throw notFound("chain");
        demandThere(chain);
        demandActiveApp(await appRepository.byId(transaction, tenantId, chain.appId));
        const reviewed = await review(transaction, chain, body);
        const input = { principal, country, requestId: caller.requestId, reviewed, isThere: true };
        const appraisal = await appraise(deps, transaction, input);
        await decisionRepository.insert(transaction, appraisal.decisions);
        const { moreNodes, moreBytes } = toGrowth(chain, reviewed.framework, reviewed.spec);
        const overrides = await tenantRepository.quotas(transaction, tenantId);
        const more = { nodeCount: moreNodes, storageBytes: moreBytes, newChains: 0 as const };
        const quota = await quotaLines(transaction, { tenantId, appId: chain.appId, overrides, ...more });
        return { body: await presentQuote(deps, transaction, { portalId, reviewed, appraisal, quota }), audit: null };
      });
    },
  };
};
