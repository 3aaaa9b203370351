import type { UsageBatch, UsageRecord } from "@portolan/contract";
import type { StoreClient, StoreTransaction } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";

export interface UsageFilter {
  tenantId: string;
  appId: string;
  from: Date;
  to: Date;
  sku?: string | undefined;
  subjectId?: string | undefined;
  regionId?: string | undefined;
}

export type UsageColumn = "subject" | "method" | "key" | "region" | "hour" | "day";

export interface UsageSum {
  sku: string;
  subjectType: string | null;
  subjectId: string | null;
  method: string | null;
  keyId: string | null;
  regionId: string | null;
  from: Date | null;
  quantity: bigint;
  count: bigint;
}

/** Longest answer of `sum`; a caller that gets as many was cut off. */
export const maxUsageRows = 10_000;

/** A record lies within one hour, except when a window ends on it: it belongs to the hour of its beginning. */
const hourOf = (record: UsageRecord): string => {
  const from = new Date(record.from);
  from.setUTCMinutes(0, 0, 0);
  return from.toISOString();
};

const rowsOf = (records: readonly UsageRecord[]): string => {
  const sums = new Map<string, { row: readonly string[]; quantity: bigint; count: bigint }>();
  for (const record of records) {
    const { tenantId, appId, subject, regionId, sku, keyId = "", method = "" } = record;
    const row = [hourOf(record), tenantId, appId, subject.type, subject.id, regionId, sku, keyId, method];
    const key = JSON.stringify(row);
    const sum = sums.get(key) ?? { row, quantity: 0n, count: 0n };
    sum.quantity += BigInt(record.quantity);
    sum.count += BigInt(record.count);
    sums.set(key, sum);
  }
  // In one order, so that two batches at once wait for each other instead of deadlocking.
  const ordered = [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
  return JSON.stringify(
    ordered.map(({ row: [hour, tenant, app, type, id, region, sku, key, method], quantity, count }) => ({
      hour,
      tenant,
      app,
      type,
      id,
      region,
      sku,
      key,
      method,
      quantity: quantity.toString(),
      count: count.toString(),
    })),
  );
};

/**
 * Adds a shipped batch to the hourly roll-ups, once: the row that remembers (source, epoch, seq) commits with them, so
 * a batch that is sent again, after whatever crash, changes nothing. With the role system.
 */
export const createUsageIngest =
  (client: StoreClient) =>
  (batch: UsageBatch): Promise<{ isDuplicate: boolean }> =>
    inTransaction(client, async (transaction) => {
      const fresh = await transaction.$executeRaw`
        insert into usage_batches (source, epoch, seq) values (${batch.source}, ${batch.epoch}, ${batch.seq})
        on conflict do nothing`;
      if (fresh === 0) return { isDuplicate: true };
      if (batch.records.length > 0) await rollUp(transaction, rowsOf(batch.records));
      return { isDuplicate: false };
    });

const rollUp = async (transaction: StoreTransaction, rows: string): Promise<void> => {
  await transaction.$executeRaw`
    insert into usage_hourly
      (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method, quantity, count)
    select hour, tenant, app, type, id, region, sku, key, method, quantity, count
    from jsonb_to_recordset(${rows}::jsonb) as rows(hour timestamptz, tenant text, app text, type text, id text,
      region text, sku text, key text, method text, quantity bigint, count bigint)
    on conflict (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method)
    do update set quantity = usage_hourly.quantity + excluded.quantity, count = usage_hourly.count + excluded.count`;
};

export const usageRepository = {
  /** Sums by sku and `by`. Columns that are not in `by` are null. At most `maxUsageRows` rows. */
  sum: (transaction: StoreTransaction, filter: UsageFilter, by: readonly UsageColumn[]): Promise<UsageSum[]> => {
    const has = (column: UsageColumn): boolean => by.includes(column);
    const { tenantId, appId, from, to, sku = null, subjectId = null, regionId = null } = filter;
    return transaction.$queryRaw<UsageSum[]>`
      with rows as (
        select sku,
          case when ${has("subject")}::boolean then subject_type end as "subjectType",
          case when ${has("subject")}::boolean then subject_id end as "subjectId",
          case when ${has("method")}::boolean then method end as method,
          case when ${has("key")}::boolean then key_id end as "keyId",
          case when ${has("region")}::boolean then region_id end as "regionId",
          case when ${has("hour")}::boolean then hour
               when ${has("day")}::boolean then date_trunc('day', hour, 'UTC') end as "from",
          quantity, count
        from usage_hourly
        where tenant_id = ${tenantId} and app_id = ${appId} and hour >= ${from} and hour < ${to}
          and (${sku}::text is null or sku = ${sku}) and (${subjectId}::text is null or subject_id = ${subjectId})
          and (${regionId}::text is null or region_id = ${regionId})
      )
      select sku, "subjectType", "subjectId", method, "keyId", "regionId", "from",
             sum(quantity)::bigint as quantity, sum(count)::bigint as count
      from rows group by 1, 2, 3, 4, 5, 6, 7 order by 7 nulls first, 1, 3, 6, 4, 5 limit ${maxUsageRows}`;
  },

  /** What a bill is made of: by sku, subject, region and hour (prices change between hours). */
  ofPeriod: (transaction: StoreTransaction, filter: UsageFilter): Promise<UsageSum[]> => {
    const { tenantId, appId, from, to } = filter;
    return transaction.$queryRaw<UsageSum[]>`
      select sku, subject_type as "subjectType", subject_id as "subjectId", null as method, null as "keyId",
             region_id as "regionId", hour as "from", sum(quantity)::bigint as quantity, sum(count)::bigint as count
      from usage_hourly where tenant_id = ${tenantId} and app_id = ${appId} and hour >= ${from} and hour < ${to}
      group by 1, 2, 3, 6, 7 order by 7, 1, 3, 6`;
  },
};
