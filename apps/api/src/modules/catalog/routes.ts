import type { FrameworkResource, PlanResource, RegionResource } from "@portolan/contract";
import { type PlanFacts, type PriceBook, quoteMonthly, toWireMoney } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { portalRepository, type RegionRow, regionProblem, regionRepository, withTenant } from "@portolan/store";
import { z } from "zod";
import type { ApiDeps } from "../../api-deps.ts";
import type { Handlers } from "../../http/handler.ts";
import { pageOfList } from "../../http/page-token.ts";
import { quotedNodes } from "../chains/quoted-nodes.ts";
import { nobodysChain } from "../chains/review.ts";

const presentFramework = (framework: Framework): FrameworkResource => ({
  slug: framework.slug,
  title: framework.title,
  family: framework.family,
  versions: framework.versions.map(({ version, upgradesTo, isDefault }) => ({
    version,
    upgradesTo: [...upgradesTo],
    isDefault,
  })),
  roles: framework.roles.map(({ role, title }) => ({ role, title })),
  plans: framework.plans.map(({ plan }) => plan),
  sharing: [...framework.sharing],
  protocols: framework.protocols.map(({ name }) => name),
  settings: z.toJSONSchema(framework.settings, {
    io: "input",
    unrepresentable: "any",
  }) as FrameworkResource["settings"],
});

const presentReason = (row: RegionRow): RegionResource["reason"] => {
  const problem = regionProblem(row);
  return problem === null ? null : { ...problem, hint: problem.hint ?? null };
};

const presentRegion = (row: RegionRow): RegionResource => ({
  id: row.id,
  slug: row.slug,
  name: row.name,
  provider: row.provider,
  country: row.country,
  city: row.city,
  jurisdiction: row.jurisdiction,
  operator: row.operator,
  runtime: row.runtime,
  gatewayUrl: row.gatewayUrl,
  state: row.state as RegionResource["state"],
  reason: presentReason(row),
  capabilities: row.capabilities as RegionResource["capabilities"],
  seenAt: row.seenAt?.toISOString() ?? null,
});

/** A price needs default settings; a framework that has none is quoted on demand only. */
const priceOf = (
  framework: Framework,
  facts: PlanFacts,
  priceBook: PriceBook | null,
  region: string,
  at: Date,
): PlanResource["perMonth"] => {
  const settings = framework.settings.safeParse({});
  if (priceBook === null || !settings.success) return null;
  const spec = {
    ...nobodysChain,
    framework: framework.slug,
    plan: facts.plan,
    settings: settings.data,
    regions: [region],
  };
  const nodes = quotedNodes(framework, facts, spec);
  return toWireMoney(quoteMonthly({ priceBook, nodes, at }).perMonth);
};

export const catalogHandlers = (deps: ApiDeps): Pick<Handlers, "frameworks.list" | "regions.list" | "plans.list"> => {
  const { clients, clock, frameworks } = deps;
  const presented = frameworks.list().map(presentFramework);
  return {
    "frameworks.list": async ({ query }) => ({ body: pageOfList(presented, query) }),

    "regions.list": async ({ principal, query }) => {
      const rows = await withTenant(clients.app, principal.tenantId, (transaction) =>
        regionRepository.list(transaction),
      );
      return { body: pageOfList(rows.map(presentRegion), query) };
    },

    "plans.list": async ({ principal, query }) => {
      const at = clock.now();
      const { priceBook, regions } = await withTenant(clients.app, principal.tenantId, async (transaction) => ({
        priceBook: await portalRepository.priceBook(transaction, principal.portalId, at),
        regions: await regionRepository.list(transaction),
      }));
      const wanted = frameworks.list().filter(({ slug }) => query.framework === undefined || slug === query.framework);
      const region = regions[0]?.slug ?? "";
      const plans = wanted.flatMap((framework) =>
        framework.plans.map(
          (facts): PlanResource => ({
            framework: framework.slug,
            plan: facts.plan,
            title: facts.title,
            recoveryWindowSeconds: facts.recoveryWindowSeconds,
            limits: { ...facts.limits },
            perMonth: priceOf(framework, facts, priceBook, region, at),
          }),
        ),
      );
      return { body: pageOfList(plans, query) };
    },
  };
};
