-- As before, but for the time of an adoption, which is the caller's word: it is near the last look at the chain on both
-- sides. One long past would make a chain that nobody looks after seem well, and bill running time from then on.
-- Only its owner may replace it.
grant create on schema public to portolan_system;
set local role portolan_system;
create or replace function adopt_standby_chain(
  for_tenant text, for_app text, chain_name text,
  wanted_framework text, wanted_version text, wanted_plan text, wanted_region text, wanted_settings jsonb,
  reserved_nodes integer, reserved_bytes bigint, adopted_at timestamptz
) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  taken text;
  former_tenant text;
  former_app text;
begin
  if for_tenant is null or for_tenant is distinct from current_setting('app.tenant', true) then
    raise exception 'a chain is adopted by the transaction''s own tenant only' using errcode = 'insufficient_privilege';
  end if;
  if chain_name is null or length(chain_name) not between 1 and 200 or adopted_at is null
     or wanted_settings is null or pg_column_size(wanted_settings) > 65536
     or reserved_nodes is null or reserved_nodes not between 0 and 10000
     or reserved_bytes is null or reserved_bytes < 0 then
    raise exception 'out of bounds' using errcode = 'invalid_parameter_value';
  end if;
  if not exists (select from apps where id = for_app and tenant_id = for_tenant and state = 'active') then
    raise exception 'not an active app of the tenant' using errcode = 'insufficient_privilege';
  end if;

  select c.id, c.tenant_id, c.app_id into taken, former_tenant, former_app
    from chains c
   where c.is_standby and c.wish = 'running' and c.deleted_at is null
     and c.framework = wanted_framework and c.version = wanted_version and c.plan = wanted_plan
     and c.hosting = 'dedicated' and c.regions = array[wanted_region] and c.settings = wanted_settings
     and c.phase = 'running' and c.has_run and c.observed_generation >= c.generation
     and not c.dirty and c.suspected_at is null and c.route ->> 'state' = 'open'
     and jsonb_array_length(c.conditions) = 4
     and not exists (select from jsonb_array_elements(c.conditions) e where e ->> 'status' is distinct from 'true')
     -- Seen well lately: when no worker looks, nobody knows whether it still runs.
     and exists (select from placements p where p.chain_id = c.id)
     and not exists (select from placements p where p.chain_id = c.id
       and (p.problem is not null or p.observed_generation < p.generation
            or p.reported_at is null
            or p.reported_at not between adopted_at - interval '60 seconds' and adopted_at + interval '60 seconds'))
     and exists (select from nodes n where n.chain_id = c.id)
     and not exists (select from nodes n where n.chain_id = c.id and (n.state <> 'running' or not n.is_healthy))
     and not exists (select from operations o where o.target_type = 'chain' and o.target_id = c.id
       and o.state in ('queued', 'running', 'needsAttention'))
   order by c.id limit 1
     for update of c skip locked;
  if taken is null then
    return null;
  end if;

  -- The running time until now is the operator's.
  insert into usage_hourly
    (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method, quantity, count)
  select h, former_tenant, former_app, 'chain', taken, r.id, 'node.' || wanted_framework || '.' || wanted_plan || '.' || n.role,
         '', '', sum(extract(epoch from least(h + interval '1 hour', t.until) - greatest(h, n.billed_until)))::bigint, 0
    from nodes n
    join regions r on r.slug = n.region
    cross join lateral (select date_trunc('second', adopted_at) as until) t
    cross join lateral generate_series(date_trunc('hour', n.billed_until), t.until, interval '1 hour') h
   where n.chain_id = taken and n.billed_until < t.until and least(h + interval '1 hour', t.until) > greatest(h, n.billed_until)
   group by h, r.id, n.role
  on conflict (hour, tenant_id, app_id, subject_type, subject_id, region_id, sku, key_id, method)
  do update set quantity = usage_hourly.quantity + excluded.quantity;

  update chains set
    tenant_id = for_tenant, app_id = for_app, name = chain_name, is_standby = false,
    node_count = reserved_nodes, storage_bytes = reserved_bytes, created_at = adopted_at, updated_at = adopted_at,
    sealed_for = coalesce(sealed_for, former_tenant), route_version = route_version + 1,
    fence = fence + 1, lease_owner = null, lease_until = null, attempts = 0,
    -- The next pass seals anew; it need not compete with the first call.
    next_at = adopted_at + interval '2 seconds'
   where id = taken;
  update placements set tenant_id = for_tenant, created_at = adopted_at,
    fence = fence + 1, lease_owner = null, lease_until = null
   where chain_id = taken;
  update nodes set tenant_id = for_tenant, created_at = adopted_at,
    billed_until = greatest(billed_until, date_trunc('second', adopted_at))
   where chain_id = taken;
  update parts set tenant_id = for_tenant where chain_id = taken;
  update materials set tenant_id = for_tenant where chain_id = taken;
  update authority_keys set tenant_id = for_tenant where chain_id = taken;
  update chain_events set tenant_id = for_tenant where chain_id = taken;
  return taken;
end $$;
reset role;
revoke create on schema public from portolan_system;
