import type { RequestStatus, UsageDimension, UsageResource } from "@portolan/contract";
import { usageDimensions } from "@portolan/contract";
import { DomainError, findPrice, type PriceBook, parsePeriod, periodOf, toBill, toWireBill } from "@portolan/domain";
import {
  appRepository,
  maxUsageRows,
  portalRepository,
  type RegionRow,
  regionRepository,
  requestLogRepository,
  type StoreTransaction,
  type UsageColumn,
  type UsageSum,
  usageRepository,
  withTenant,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Handlers } from "../../http/handler.ts";
import { invalidField, notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";

const hourMs = 3_600_000;
const maxDays = 400;

const columnOf: { readonly [dimension in UsageDimension]: UsageColumn } = {
  chain: "subject",
  method: "method",
  key: "key",
  region: "region",
  hour: "hour",
  day: "day",
};

const toRange = (
  query: { from?: string | undefined; to?: string | undefined },
  now: Date,
): { from: Date; to: Date } => {
  const month = periodOf(now);
  const start = query.from === undefined ? month.from.getTime() : Date.parse(query.from);
  const end = query.to === undefined ? now.getTime() : Date.parse(query.to);
  if (Number.isNaN(start)) throw invalidField("query.from", "invalid", "is not a time");
  if (Number.isNaN(end)) throw invalidField("query.to", "invalid", "is not a time");
  const from = new Date(Math.floor(start / hourMs) * hourMs);
  const to = new Date(Math.ceil(end / hourMs) * hourMs);
  if (to < from) throw invalidField("query.to", "before_from", "must not be before `from`");
  if (to.getTime() - from.getTime() > maxDays * 24 * hourMs)
    throw invalidField("query.from", "too_long", `asks for more than ${maxDays} days`);
  return { from, to };
};

const unitOf = (priceBook: PriceBook | null, sku: string, at: Date): string => {
  try {
    return priceBook === null ? "" : findPrice(priceBook, sku, at).unit;
  } catch {
    // What has no price has no unit that a customer could be told.
    return "";
  }
};

/** Sources name a region by id or by slug; people read slugs. */
const slugsOf = (regions: readonly RegionRow[]): ReadonlyMap<string, string> =>
  new Map(regions.map(({ id, slug }) => [id, slug]));

const presentRow = (
  sum: UsageSum,
  slugs: ReadonlyMap<string, string>,
  unit: string,
): UsageResource["items"][number] => ({
  sku: sum.sku,
  unit,
  ...(sum.subjectId === null ? {} : { subject: { type: sum.subjectType ?? "", id: sum.subjectId } }),
  ...(sum.method === null ? {} : { method: sum.method }),
  ...(sum.keyId === null ? {} : { keyId: sum.keyId }),
  ...(sum.regionId === null ? {} : { region: slugs.get(sum.regionId) ?? sum.regionId }),
  ...(sum.from === null ? {} : { from: new Date(sum.from).toISOString() }),
  quantity: sum.quantity.toString(),
  count: sum.count.toString(),
});

export const usageHandlers = (deps: ApiDeps): Pick<Handlers, "usage.get" | "requests.list" | "bills.get"> => {
  const { clients, clock } = deps;

  const demandApp = async (transaction: StoreTransaction, tenantId: string, appId: string): Promise<void> => {
    if ((await appRepository.byId(transaction, tenantId, appId)) === null) throw notFound("app");
  };

  return {
    "usage.get": async ({ principal: { tenantId, portalId }, params: { app: appId }, query }) => {
      const now = clock.now();
      const { from, to } = toRange(query, now);
      const groupBy = usageDimensions.filter((dimension) => query.groupBy.split(",").includes(dimension));
      const { sums, slugs, priceBook } = await withTenant(clients.app, tenantId, async (transaction) => {
        await demandApp(transaction, tenantId, appId);
        const regions = await regionRepository.list(transaction);
        const regionIds = regions.filter(({ slug }) => slug === query.region).map(({ id }) => id);
        const regionId = query.region === undefined ? undefined : (regionIds[0] ?? query.region);
        const filter = { tenantId, appId, from, to, sku: query.sku, subjectId: query.subject, regionId };
        return {
          sums: await usageRepository.sum(
            transaction,
            filter,
            groupBy.map((dimension) => columnOf[dimension]),
          ),
          slugs: slugsOf(regions),
          priceBook: await portalRepository.priceBook(transaction, portalId, now),
        };
      });
      if (sums.length >= maxUsageRows)
        throw invalidField("query.groupBy", "too_many_rows", "gives too many rows; ask for less time or group by less");
      const items = sums.map((sum) => presentRow(sum, slugs, unitOf(priceBook, sum.sku, now)));
      return { body: { appId, from: from.toISOString(), to: to.toISOString(), groupBy, items } };
    },

    "requests.list": async ({ principal: { tenantId }, params: { app: appId }, query }) => {
      const page = toPageRequestOf("number", query);
      const rows = await withTenant(clients.app, tenantId, async (transaction) => {
        await demandApp(transaction, tenantId, appId);
        return requestLogRepository.list(transaction, tenantId, { ...page, appId, chainId: query.chainId });
      });
      return {
        body: presentPage(rows, (row) => ({
          at: row.at.toISOString(),
          chainId: row.chainId,
          keyId: row.keyId,
          method: row.method,
          status: row.status as RequestStatus,
          code: row.code,
          durationMs: row.durationMs,
        })),
      };
    },

    "bills.get": async ({ principal: { tenantId, portalId }, params: { app: appId }, query }) => {
      const now = clock.now();
      const period = query.period === undefined ? periodOf(now) : parsePeriod(query.period);
      const { sums, slugs, priceBook } = await withTenant(clients.app, tenantId, async (transaction) => {
        await demandApp(transaction, tenantId, appId);
        const { from, to } = period;
        return {
          sums: await usageRepository.ofPeriod(transaction, { tenantId, appId, from, to }),
          slugs: slugsOf(await regionRepository.list(transaction)),
          priceBook: await portalRepository.priceBook(transaction, portalId, now),
        };
      });
      if (priceBook === null)
        throw new DomainError({ code: "internal", message: "The portal has no prices.", detail: portalId });
      const usage = sums.map((sum) => ({
        sku: sum.sku,
        subject: { type: sum.subjectType ?? "", id: sum.subjectId ?? "" },
        region: slugs.get(sum.regionId ?? "") ?? sum.regionId ?? "",
        quantity: sum.quantity,
        from: new Date(sum.from ?? period.from),
      }));
      return { body: toWireBill(toBill({ appId, usage, priceBook, period })) };
    },
  };
};
