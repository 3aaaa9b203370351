import { backupSku, type Clock } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";

/**
 * Writes each backup's storage for every full hour in which it was there to be restored, by region, in whole
 * MiB-hours, up to `maxHours` back. One row per (backup, hour) in the dedup table commits with the usage. Answers how
 * many rows were written.
 */
export const meterBackups = (deps: { client: StoreClient; clock: Clock; maxHours?: number }): Promise<number> =>
  inTransaction(deps.client, async (transaction) => {
    const now = deps.clock.now();
    const maxHours = deps.maxHours ?? 48;
    return transaction.$executeRaw`
      with hours as (
        select b.id as backup_id, b.tenant_id, b.chain_id, c.app_id, b.copies, h as hour
        from backups b join chains c on c.id = b.chain_id
        cross join lateral generate_series(
          date_trunc('hour', greatest(b.ended_at + interval '1 hour', ${now}::timestamptz - make_interval(hours => ${maxHours}::int))),
          date_trunc('hour', ${now}::timestamptz) - interval '1 hour', interval '1 hour') h
        where b.state = 'ready' and b.size_bytes > 0
      ), fresh as (
        insert into usage_batches (source, epoch, seq)
        select 'backup', backup_id, (extract(epoch from hour) / 3600)::bigint from hours
        on conflict do nothing returning epoch, seq
      )
      insert into usage_hourly (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method, quantity, count)
      select hour, hours.tenant_id, app_id, 'chain', chain_id, r.id, ${backupSku}::text, '', '',
             sum(ceil((copy ->> 'sizeBytes')::numeric / 1048576))::bigint, 0
      from hours join fresh on fresh.epoch = hours.backup_id and fresh.seq = (extract(epoch from hour) / 3600)::bigint
      cross join lateral jsonb_array_elements(hours.copies) copy join regions r on r.slug = copy ->> 'region'
      group by hour, hours.tenant_id, app_id, chain_id, r.id
      on conflict (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method)
      do update set quantity = usage_hourly.quantity + excluded.quantity`;
  });
