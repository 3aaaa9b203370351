import type { OperationResource } from "@portolan/contract";
import { DomainError } from "@portolan/domain";
import {
  appRepository,
  chainWishes,
  decisionRepository,
  inTransaction,
  type NewDecision,
  operationRepository,
  type StoreTransaction,
  tenantRepository,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes, type Outcome } from "../../http/change.ts";
import type { Handler, HandlerRequest } from "../../http/handler.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { operationLocation, presentOperation } from "../operations/present.ts";
import { policyDenied } from "../sessions/policy-gate.ts";
import { adoptionSteps, mayStandBy } from "./adopt.ts";
import { type Appraisal, appraise, countryOf, demandQuotaOfWritten, presentQuote, quotaLines } from "./appraise.ts";
import { demandUnclaimed, takeClaims } from "./claims.ts";
import { type ReviewedChain, reviewChain } from "./review.ts";

interface NewPlacement {
  id: string;
  region: string;
}

/** A refusal by policy: its decisions outlive the transaction that it ends. */
class Denied extends Error {
  readonly decisions: readonly NewDecision[];
  readonly refusal: DomainError;

  constructor(appraisal: Appraisal) {
    super("denied by policy");
    const isDenied = ({ verdict }: NewDecision): boolean => verdict === "deny";
    this.decisions = appraisal.decisions;
    this.refusal = policyDenied(appraisal.reasons, appraisal.decisions.find(isDenied)?.id ?? "");
  }
}

/** Throws when denied; `keepingDenials` turns that into the refusal, after writing its decisions. */
export const demandAllowed = (appraisal: Appraisal): void => {
  if (!appraisal.isAllowed) throw new Denied(appraisal);
};

export const keepingDenials = async <T>(deps: Pick<ApiDeps, "clients">, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Denied)) throw error;
    await inTransaction(deps.clients.system, (transaction) => decisionRepository.insert(transaction, error.decisions));
    throw error.refusal;
  }
};

/** POST /v1/chains/quote */
export const quoteChain =
  (deps: ApiDeps, changes: Changes): Handler<"chains.quote"> =>
  async ({ principal, caller, body }) => {
    const { tenantId, portalId } = principal;
    const reviewed = reviewChain(deps, body);
    const country = await countryOf(deps, principal);
    return changes.inTenant({ principal, caller, body }, async (transaction) => {
      demandActiveApp(await appRepository.byId(transaction, tenantId, body.appId));
      const appraisal = await appraise(deps, transaction, {
        principal,
        country,
        requestId: caller.requestId,
        reviewed,
      });
      await demandUnclaimed(transaction, reviewed);
      await decisionRepository.insert(transaction, appraisal.decisions);
      const overrides = await tenantRepository.quotas(transaction, tenantId);
      const quota = await quotaLines(transaction, { tenantId, appId: body.appId, overrides, ...appraisal });
      return { body: await presentQuote(deps, transaction, { portalId, reviewed, appraisal, quota }), audit: null };
    });
  };

/** POST /v1/chains: chain, placements, operation, decision, audit row and idempotency record in one transaction. */
export const createChain = (deps: ApiDeps, changes: Changes): Handler<"chains.create"> => {
  return async (request) => {
    const { principal, caller, body } = request;
    const reviewed = reviewChain(deps, body);
    const country = await countryOf(deps, principal);
    let made: readonly NewPlacement[] = [];
    const answer = await keepingDenials(deps, () =>
      changes.inTenant({ principal, caller, body }, async (transaction) => {
        const { placements, ...outcome } = await makeChain(deps, transaction, request, { reviewed, country });
        made = placements;
        return outcome;
      }),
    );
    // Never awaited: the rows are due, and whoever sweeps finds them.
    for (const { id, region } of made) void deps.jobs.wake("placement.reconcile", { placementId: id, region });
    return answer;
  };
};

interface Made {
  chainId: string;
  /** Those that have to be carried out; none of an adopted chain. */
  placements: readonly NewPlacement[];
  isAdopted: boolean;
}

/** The chain's row: one that stood by, where there is one of just this kind, or else a new one. */
const adoptOrInsert = async (
  deps: ApiDeps,
  transaction: StoreTransaction,
  { principal, body }: HandlerRequest<"chains.create">,
  input: { reviewed: ReviewedChain; nodeCount: number; storageBytes: bigint; now: Date },
): Promise<Made> => {
  const { reviewed, nodeCount, storageBytes, now } = input;
  const { tenantId } = principal;
  const { name, framework, version, plan, regions, settings } = reviewed.spec;
  const [region] = regions;
  const columns = { tenantId, appId: body.appId, name, framework, version, plan, settings, nodeCount, storageBytes };
  if (region !== undefined && mayStandBy(deps.standby, reviewed.spec, body.hosting)) {
    const adopted = await chainWishes.adopt(transaction, { ...columns, region, now });
    if (adopted !== null) return { chainId: adopted, placements: [], isAdopted: true };
  }
  const chainId = deps.ids.next("chain");
  const placements = regions.map((each) => ({ id: deps.ids.next("placement"), region: each }));
  await chainWishes.insert(
    transaction,
    { ...columns, id: chainId, regions, hosting: body.hosting, createdAt: now },
    placements,
    (written) => reviewed.framework.topology(written),
  );
  return { chainId, placements, isAdopted: false };
};

const makeChain = async (
  deps: ApiDeps,
  transaction: StoreTransaction,
  request: HandlerRequest<"chains.create">,
  { reviewed, country }: { reviewed: ReviewedChain; country: string | undefined },
): Promise<Outcome<OperationResource> & { placements: readonly NewPlacement[] }> => {
  const { principal, caller, body } = request;
  const { tenantId } = principal;
  const now = deps.clock.now();
  demandActiveApp(await appRepository.hold(transaction, tenantId, body.appId));
  const appraisal = await appraise(deps, transaction, { principal, country, requestId: caller.requestId, reviewed });
  demandAllowed(appraisal);
  const { nodeCount, storageBytes, decisions } = appraisal;
  await decisionRepository.insert(transaction, decisions);
  const { chainId, placements, isAdopted } = await adoptOrInsert(deps, transaction, request, {
    reviewed,
    nodeCount,
    storageBytes,
    now,
  });
  await takeClaims(transaction, { tenantId, chainId, reviewed });
  const actor = actorOf(principal);
  const operation = await operationRepository.insert(transaction, {
    id: deps.ids.next("operation"),
    tenantId,
    appId: body.appId,
    kind: "chain.create",
    targetId: chainId,
    generation: 1,
    former: null,
    actorType: actor.type,
    actorId: actor.id,
    createdAt: now,
    ...(isAdopted ? { done: adoptionSteps(now) } : {}),
  });
  if (operation === null)
    throw new DomainError({ code: "internal", message: "The chain could not be made.", detail: "operation exists" });
  // Counted last, its own row included, so that a tenant's row is held for as short as can be.
  await demandQuotaOfWritten(transaction, { tenantId, appId: body.appId, nodeCount, storageBytes });
  const { name, framework, version, plan, regions } = reviewed.spec;
  return {
    placements,
    body: presentOperation(operation),
    headers: { location: operationLocation(operation.id) },
    audit: {
      tenantId,
      actor,
      action: "chain.create",
      target: { type: "chain", id: chainId },
      detail: {
        ...{ appId: body.appId, name, framework, version, plan, regions, operationId: operation.id },
        ...(isAdopted ? { stoodBy: true } : {}),
      },
    },
  };
};
