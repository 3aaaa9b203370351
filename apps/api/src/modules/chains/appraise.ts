import type { QuoteResource } from "@portolan/contract";
import {
  checkQuota,
  DomainError,
  evaluatePolicyForAll,
  type PolicyReason,
  type Principal,
  type QuotaLine,
  type QuotaOverrides,
  quoteMonthly,
  toQuotaLimits,
  toWireMonthlyQuote,
} from "@portolan/domain";
import { type OperatorConfig, withinReach } from "@portolan/frameworks";
import {
  chainWishes,
  type NewDecision,
  outsideTransaction,
  portalRepository,
  type RegionRow,
  regionProblem,
  regionRepository,
  type StoreTransaction,
  tenantRepository,
  userRepository,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { toDecision } from "../audit/to-decision.ts";
import { capabilitiesOf } from "./capabilities-of.ts";
import { demandExposure } from "./demand-exposure.ts";
import { quotedNodes } from "./quoted-nodes.ts";
import { demandNoProblem, newProblems, type ReviewedChain } from "./review.ts";

/** What a reviewed chain would mean for this tenant: verdict, quota, price. */
export interface Appraisal {
  isAllowed: boolean;
  reasons: readonly PolicyReason[];
  decisions: readonly NewDecision[];
  nodeCount: number;
  storageBytes: bigint;
}

/** A wish for a region that can't be worked on would only wait: better told at once. */
const demandReachable = (row: RegionRow): RegionRow => {
  const problem = regionProblem(row);
  if (problem === null) return row;
  throw new DomainError({
    code: "region.unreachable",
    message: `The region ${row.slug} takes no new chains at the moment: ${problem.message}`,
    hint: "GET /v1/regions lists those on offer; its own chains are left as they are.",
    retryable: true,
  });
};

const demandRegions = (wanted: readonly string[], rows: readonly RegionRow[], isThere: boolean): RegionRow[] =>
  wanted.map((slug) => {
    const row = rows.find((candidate) => candidate.slug === slug);
    if (row !== undefined && isThere) return row;
    if (row?.state === "open") return demandReachable(row);
    throw new DomainError({
      code: "region.unknown",
      message: row === undefined ? "There is no such region." : "The region takes no new chains.",
      hint: "GET /v1/regions lists those on offer.",
    });
  });

/** The country that policy judges by: the person's, or for a machine its tenant's. */
export const countryOf = async (
  { clients }: Pick<ApiDeps, "clients">,
  principal: Principal,
): Promise<string | undefined> =>
  principal.kind === "user"
    ? (await userRepository.byId(outsideTransaction(clients.system), principal.id))?.country
    : (await tenantRepository.byId(outsideTransaction(clients.system), principal.tenantId))?.country;

const judge = async (
  deps: Pick<ApiDeps, "ids" | "clock">,
  transaction: StoreTransaction,
  input: {
    principal: Principal;
    country: string | undefined;
    requestId: string;
    reviewed: ReviewedChain;
    regions: readonly RegionRow[];
  },
): Promise<Pick<Appraisal, "isAllowed" | "reasons" | "decisions">> => {
  const { principal, country, requestId, reviewed, regions } = input;
  const portal = await portalRepository.byId(transaction, principal.portalId);
  if (portal === null)
    throw new DomainError({ code: "internal", message: "The portal is gone.", detail: principal.portalId });
  const { access, currency } = reviewed.framework.attributes(reviewed.spec);
  const judged = evaluatePolicyForAll(
    portal.policy,
    regions.map(({ jurisdiction }) => ({
      stage: "quote",
      "chain.access": access,
      "chain.currency": currency,
      framework: reviewed.framework.slug,
      "region.jurisdiction": jurisdiction,
      ...(country === undefined ? {} : { "user.country": country }),
    })),
  );
  const context = { tenantId: principal.tenantId, portalId: portal.id, requestId };
  const decisions = judged.verdicts.map((verdict) => toDecision(deps, verdict, context));
  return { isAllowed: judged.verdict === "allow", reasons: judged.reasons, decisions };
};

/** What only these regions don't offer; what is wrong wherever it stands was said before. */
const demandOffered = ({ framework, spec }: ReviewedChain, operator: OperatorConfig, rows: readonly RegionRow[]) => {
  const within = withinReach(operator, capabilitiesOf(rows));
  if (within !== operator)
    demandNoProblem(newProblems(framework.review(spec, operator), framework.review(spec, within)));
};

/** Reads what is needed, judges and counts. Throws `region.unknown`, and what a region does not offer. */
export const appraise = async (
  deps: Pick<ApiDeps, "ids" | "clock" | "operator">,
  transaction: StoreTransaction,
  input: {
    principal: Principal;
    country: string | undefined;
    requestId: string;
    reviewed: ReviewedChain;
    /** The chain stands in its regions already. */
    isThere?: boolean;
  },
): Promise<Appraisal> => {
  const { reviewed, isThere = false } = input;
  const rows = await regionRepository.bySlugs(transaction, reviewed.spec.regions);
  const regions = demandRegions(reviewed.spec.regions, rows, isThere);
  demandOffered(reviewed, deps.operator, regions);
  if (!isThere) demandExposure(reviewed, regions);
  const verdict = await judge(deps, transaction, { ...input, regions });
  const nodes = quotedNodes(reviewed.framework, reviewed.facts, reviewed.spec);
  return {
    ...verdict,
    nodeCount: nodes.length,
    storageBytes: nodes.reduce((sum, node) => sum + node.storageBytes, 0n),
  };
};

/**
 * Lines of what one more chain (or, with `newChains: 0`, more of one that is there) would use, by the tenant's limits. `isCounted`: its row is written already, in this
 * transaction, and is in the sums.
 */
export const quotaLines = async (
  transaction: StoreTransaction,
  input: {
    tenantId: string;
    appId: string;
    overrides: QuotaOverrides;
    nodeCount: number;
    storageBytes: bigint;
    isCounted?: boolean;
    newChains?: 0 | 1;
  },
): Promise<QuotaLine[]> => {
  const { tenantId, appId, overrides, nodeCount, storageBytes, isCounted = false, newChains = 1 } = input;
  const add = { chains: newChains, chainsPerApp: newChains, nodes: nodeCount, storageBytes: Number(storageBytes) };
  const sums = await chainWishes.reserved(transaction, tenantId, appId);
  const own = (name: keyof typeof add): number => (isCounted ? add[name] : 0);
  const used = {
    chains: sums.chains - own("chains"),
    chainsPerApp: sums.chainsPerApp - own("chainsPerApp"),
    nodes: sums.nodes - own("nodes"),
    storageBytes: sums.storageBytes - own("storageBytes"),
  };
  return checkQuota(toQuotaLimits(overrides), used, add);
};

/** More transactions than all API processes together have open at once. */
const mostAtOnce = 100;

/**
 * Throws `quota.exceeded`. The chain's row is written already, in this transaction. Near a limit the tenant's row is
 * held while counting, so that the count is exact; so far from it that everybody at once could not reach it, nobody waits.
 */
export const demandQuotaOfWritten = async (
  transaction: StoreTransaction,
  input: { tenantId: string; appId: string; nodeCount: number; storageBytes: bigint },
): Promise<void> => {
  const overrides = await tenantRepository.quotas(transaction, input.tenantId);
  const lines = await quotaLines(transaction, { ...input, overrides, isCounted: true });
  if (lines.every(({ limit, used, after }) => used + mostAtOnce * (after - used) <= limit)) return;
  const held = await tenantRepository.lockQuota(transaction, input.tenantId);
  demandQuota(await quotaLines(transaction, { ...input, overrides: held, isCounted: true }));
};

export const demandQuota = (lines: readonly QuotaLine[]): void => {
  const line = lines.find(({ isExceeded }) => isExceeded);
  if (line === undefined) return;
  throw new DomainError({
    code: "quota.exceeded",
    message: `The quota ${line.name} is ${line.limit}, and ${line.after} would be used.`,
    hint: "Delete what is not in use, or ask the operator for more.",
    meta: { quota: line.name },
  });
};

/** The dry run, for the caller. */
export const presentQuote = async (
  deps: Pick<ApiDeps, "clock">,
  transaction: StoreTransaction,
  input: { portalId: string; reviewed: ReviewedChain; appraisal: Appraisal; quota: readonly QuotaLine[] },
): Promise<QuoteResource> => {
  const { portalId, reviewed, appraisal, quota } = input;
  const { framework, facts, spec } = reviewed;
  const at = deps.clock.now();
  const priceBook = await portalRepository.priceBook(transaction, portalId, at);
  if (priceBook === null)
    throw new DomainError({ code: "internal", message: "The portal has no prices.", detail: portalId });
  const cost = toWireMonthlyQuote(quoteMonthly({ priceBook, nodes: quotedNodes(framework, facts, spec), at }));
  const nodes = framework.topology(spec).map(({ name, role, region }) => ({ name, role, region }));
  const exceeded = quota.filter(({ isExceeded }) => isExceeded);
  return {
    allowed: appraisal.isAllowed && exceeded.length === 0,
    reasons: [
      ...appraisal.reasons.map((reason) => ({ ...reason })),
      ...exceeded.map(({ name, limit, after }) => ({
        rule: `quota.${name}`,
        verdict: "deny" as const,
        message: `The quota is ${limit}, and ${after} would be used.`,
      })),
    ],
    cost,
    quota: quota.map(({ name, limit, used, after }) => ({ name, limit, used, after })),
    nodes,
    objects: [
      ...spec.regions.map((region) => ({ kind: "placement", name: `${spec.name}`, region })),
      ...nodes.map(({ name, region }) => ({ kind: "node", name, region })),
      ...framework
        .topology(spec)
        .filter(({ ports }) => ports.some(({ outsideBy }) => outsideBy !== undefined))
        .map(({ name, region }) => ({ kind: "outsideRoute", name, region })),
      ...spec.regions.flatMap((region) =>
        framework.protocols.map((protocol) => ({ kind: "endpoint", name: protocol.name, region })),
      ),
    ],
  };
};
