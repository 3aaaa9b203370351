import { outsideSku } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";

/**
 * Adds a node's running time since it was last counted to its hour's usage, in seconds, and moves the mark. A node
 * that is not running is counted up to the last time it was seen running, never for the silence in between; one that
 * was started again in the silence, from that start on. The mark
 * and the usage are written in one transaction, so that no second is counted twice. A node that is
 * shown outside its region counts a second time, as that.
 */
export const accrueNodeTime = async (
  transaction: StoreTransaction,
  input: { placementId: string; node: string; isRunning: boolean; startedAt: Date | null; now: Date },
): Promise<void> => {
  const { placementId, node, isRunning, startedAt, now } = input;
  await transaction.$executeRaw`
    with former as (
      select n.id, n.tenant_id, n.chain_id, n.role, m.billed_until, c.app_id, c.framework, c.plan, r.id as region_id,
             exists (select 1 from placements p, jsonb_array_elements(p.addresses) a
                     where p.id = n.placement_id and a->>'node' = n.name and a->'outside' is not null) as is_outside,
             case when ${isRunning}::boolean then greatest(0, floor(extract(epoch from (${now}::timestamptz - m.billed_until))))::bigint else 0 end as seconds
      from nodes n cross join lateral (
        select case when n.billed_until is not null then greatest(n.billed_until, date_trunc('second', ${startedAt}::timestamptz)) end as billed_until
      ) m join chains c on c.id = n.chain_id join regions r on r.slug = n.region
      where n.placement_id = ${placementId} and n.name = ${node} for update of n
    ), hours as (
      select f.*, h as hour,
             extract(epoch from (least(h + interval '1 hour', f.billed_until + make_interval(secs => f.seconds)) - greatest(h, f.billed_until)))::bigint as part
      from former f cross join lateral generate_series(date_trunc('hour', f.billed_until), f.billed_until + make_interval(secs => f.seconds), interval '1 hour') h
      where f.billed_until is not null and f.seconds > 0
    ), counted as (
      insert into usage_hourly (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method, quantity, count)
      select hour, tenant_id, app_id, 'chain', chain_id, region_id, 'node.' || framework || '.' || plan || '.' || role, '', '', sum(part), 0
      from hours where part > 0 group by hour, tenant_id, app_id, chain_id, region_id, framework, plan, role
      on conflict (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method)
      do update set quantity = usage_hourly.quantity + excluded.quantity
    ), shown as (
      insert into usage_hourly (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method, quantity, count)
      select hour, tenant_id, app_id, 'chain', chain_id, region_id, ${outsideSku}::text, '', '', sum(part), 0
      from hours where part > 0 and is_outside group by hour, tenant_id, app_id, chain_id, region_id
      on conflict (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method)
      do update set quantity = usage_hourly.quantity + excluded.quantity
    )
    update nodes set billed_until = case
      when not ${isRunning}::boolean then null
      when former.billed_until is null then date_trunc('second', ${now}::timestamptz)
      else former.billed_until + make_interval(secs => greatest(former.seconds, 0)) end
    from former where nodes.id = former.id`;
};
