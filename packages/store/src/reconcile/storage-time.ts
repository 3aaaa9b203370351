import type { Clock } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";

/**
 * Writes each node's storage for every full hour that has passed since it was last written, in whole MiB-hours, by the
 * size that was last seen. One row per (node, hour) in the dedup table commits with the usage, so a repeated or
 * concurrent run adds nothing. Hours in which the plane was off are written too, up to `maxHours` back: the disk was
 * occupied. Answers how many node-hours were written.
 */
export const meterStorage = (deps: { client: StoreClient; clock: Clock; maxHours?: number }): Promise<number> =>
  inTransaction(deps.client, async (transaction) => {
    const now = deps.clock.now();
    const maxHours = deps.maxHours ?? 48;
    return transaction.$executeRaw`
      with hours as (
        select n.id as node_id, n.tenant_id, n.chain_id, c.app_id, r.id as region_id, h as hour,
               ceil(n.storage_bytes / 1048576.0)::bigint as mebibytes
        from nodes n join chains c on c.id = n.chain_id join regions r on r.slug = n.region
        cross join lateral generate_series(
          date_trunc('hour', greatest(n.created_at + interval '1 hour', ${now}::timestamptz - make_interval(hours => ${maxHours}::int))),
          date_trunc('hour', ${now}::timestamptz) - interval '1 hour', interval '1 hour') h
        where n.storage_bytes > 0 and c.wish <> 'purged'
      ), fresh as (
        insert into usage_batches (source, epoch, seq)
        select 'storage', node_id, (extract(epoch from hour) / 3600)::bigint from hours
        on conflict do nothing returning epoch, seq
      )
      insert into usage_hourly (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method, quantity, count)
      select hour, tenant_id, app_id, 'chain', chain_id, region_id, 'storage.standard', '', '', sum(mebibytes), 0
      from hours join fresh on fresh.epoch = hours.node_id and fresh.seq = (extract(epoch from hour) / 3600)::bigint
      group by hour, tenant_id, app_id, chain_id, region_id
      on conflict (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method)
      do update set quantity = usage_hourly.quantity + excluded.quantity`;
  });
