-- CreateTable
CREATE TABLE "portals" (
    "id" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "signup_mode" TEXT NOT NULL,
    "policy" JSONB NOT NULL,
    "policy_version" INTEGER NOT NULL DEFAULT 1,
    "trial_credit_micros" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "portals_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "regions" (
    "id" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "city" TEXT NOT NULL,
    "jurisdiction" TEXT NOT NULL,
    "operator" TEXT NOT NULL,
    "runtime" TEXT NOT NULL,
    "gateway_url" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "capacity" JSONB NOT NULL,
    "seen_at" TIMESTAMPTZ(3),
    "capabilities" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "regions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tenants" (
    "id" TEXT NOT NULL,
    "portal_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "kind" TEXT NOT NULL DEFAULT 'customer',
    "state" TEXT NOT NULL DEFAULT 'active',
    "quotas" JSONB NOT NULL DEFAULT '{}',
    "audit_seq" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "users" (
    "id" TEXT NOT NULL,
    "portal_id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "email_key" TEXT NOT NULL,
    "password_hash" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'active',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "members" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "members_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "refresh_hash" TEXT NOT NULL,
    "former_hash" TEXT,
    "refreshed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "service_accounts" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "service_accounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "apps" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'active',
    "version" BIGINT NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "apps_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "keys" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "scopes" TEXT[],
    "allow" JSONB NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "version" BIGINT NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "chains" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "serial" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "framework" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "plan" TEXT NOT NULL,
    "hosting" TEXT NOT NULL,
    "host_chain_id" TEXT,
    "regions" TEXT[],
    "settings" JSONB NOT NULL,
    "wish" TEXT NOT NULL DEFAULT 'running',
    "generation" INTEGER NOT NULL DEFAULT 1,
    "observed_generation" INTEGER NOT NULL DEFAULT 0,
    "phase" TEXT NOT NULL DEFAULT 'pending',
    "conditions" JSONB NOT NULL DEFAULT '[]',
    "has_run" BOOLEAN NOT NULL DEFAULT false,
    "view" JSONB,
    "route" JSONB,
    "route_version" BIGINT NOT NULL DEFAULT 0,
    "suspected_at" TIMESTAMPTZ(3),
    "lease_owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "fence" BIGINT NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3),
    "dirty" BOOLEAN NOT NULL DEFAULT false,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "deleted_at" TIMESTAMPTZ(3),
    "purge_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "chains_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "placements" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "region" TEXT NOT NULL,
    "generation" INTEGER NOT NULL DEFAULT 1,
    "observed_generation" INTEGER NOT NULL DEFAULT 0,
    "addresses" JSONB NOT NULL DEFAULT '[]',
    "work_order" JSONB,
    "order_hash" TEXT,
    "observation" JSONB,
    "view" JSONB,
    "step_results" JSONB NOT NULL DEFAULT '[]',
    "problem" JSONB,
    "reported_at" TIMESTAMPTZ(3),
    "lease_owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "fence" BIGINT NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "placements_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "nodes" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "placement_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "region" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'absent',
    "is_healthy" BOOLEAN NOT NULL DEFAULT false,
    "reason" TEXT,
    "message" TEXT,
    "height" TEXT,
    "storage_bytes" BIGINT,
    "incarnation" INTEGER NOT NULL DEFAULT 0,
    "started_at" TIMESTAMPTZ(3),
    "billed_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "nodes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "parts" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "settings" JSONB NOT NULL,
    "generation" INTEGER NOT NULL DEFAULT 1,
    "observed_generation" INTEGER NOT NULL DEFAULT 0,
    "deleted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "parts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "materials" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "public" JSONB NOT NULL,
    "sealed" BYTEA,
    "expires_at" TIMESTAMPTZ(3),
    "renew_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "materials_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "authority_keys" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "ref" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "public_key" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "authority_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "operations" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "app_id" TEXT,
    "kind" TEXT NOT NULL,
    "target_type" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "progress" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "steps" JSONB NOT NULL DEFAULT '[]',
    "error" JSONB,
    "generation" INTEGER NOT NULL,
    "former" JSONB,
    "is_cancelling" BOOLEAN NOT NULL DEFAULT false,
    "actor_type" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "operations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "chain_events" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "chain_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "log_requests" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "placement_id" TEXT NOT NULL,
    "region" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3),
    "limit" INTEGER NOT NULL,
    "lines" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "answered_at" TIMESTAMPTZ(3),

    CONSTRAINT "log_requests_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency_records" (
    "scope" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" TEXT NOT NULL,
    "status" INTEGER,
    "response" JSONB,
    "headers" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_records_pkey" PRIMARY KEY ("scope","key")
);

-- CreateTable
CREATE TABLE "audit_events" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "seq" BIGINT NOT NULL,
    "actor_type" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target_type" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "detail" JSONB NOT NULL,
    "request_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "previous_hash" TEXT,
    "hash" TEXT,

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_checkpoints" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "seq" BIGINT NOT NULL,
    "hash" TEXT NOT NULL,
    "signature" TEXT NOT NULL,
    "key_ref" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "audit_checkpoints_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "decisions" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "portal_id" TEXT NOT NULL,
    "stage" TEXT NOT NULL,
    "verdict" TEXT NOT NULL,
    "attributes" JSONB NOT NULL,
    "reasons" JSONB NOT NULL,
    "policy_version" INTEGER NOT NULL,
    "request_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "decisions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "usage_batches" (
    "source" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "seq" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "usage_batches_pkey" PRIMARY KEY ("source","epoch","seq")
);

-- CreateTable
CREATE TABLE "usage_hourly" (
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "subject_type" TEXT NOT NULL,
    "subject_id" TEXT NOT NULL,
    "region_id" TEXT NOT NULL,
    "sku" TEXT NOT NULL,
    "key_id" TEXT NOT NULL DEFAULT '',
    "method" TEXT NOT NULL DEFAULT '',
    "quantity" BIGINT NOT NULL,
    "count" BIGINT NOT NULL,

    CONSTRAINT "usage_hourly_pkey" PRIMARY KEY ("hour","tenant_id","app_id","subject_type","subject_id","region_id","sku","key_id","method")
) PARTITION BY RANGE ("hour");

-- CreateTable
CREATE TABLE "request_log" (
    "id" BIGSERIAL NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "code" INTEGER,
    "duration_ms" DOUBLE PRECISION NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "request_log_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "price_books" (
    "id" TEXT NOT NULL,
    "portal_id" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "currency" TEXT NOT NULL,
    "valid_from" TIMESTAMPTZ(3) NOT NULL,
    "prices" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "price_books_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "settings" (
    "name" TEXT NOT NULL,
    "value" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "settings_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE UNIQUE INDEX "portals_slug_key" ON "portals"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "regions_slug_key" ON "regions"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "users_portal_id_email_key_key" ON "users"("portal_id", "email_key");

-- CreateIndex
CREATE INDEX "members_user_id_idx" ON "members"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "members_tenant_id_user_id_key" ON "members"("tenant_id", "user_id");

-- CreateIndex
CREATE UNIQUE INDEX "sessions_refresh_hash_key" ON "sessions"("refresh_hash");

-- CreateIndex
CREATE INDEX "sessions_former_hash_idx" ON "sessions"("former_hash");

-- CreateIndex
CREATE INDEX "sessions_user_id_idx" ON "sessions"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "service_accounts_secret_hash_key" ON "service_accounts"("secret_hash");

-- CreateIndex
CREATE INDEX "service_accounts_tenant_id_id_idx" ON "service_accounts"("tenant_id", "id");

-- CreateIndex
CREATE INDEX "apps_tenant_id_id_idx" ON "apps"("tenant_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "keys_secret_hash_key" ON "keys"("secret_hash");

-- CreateIndex
CREATE INDEX "keys_tenant_id_app_id_id_idx" ON "keys"("tenant_id", "app_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "chains_serial_key" ON "chains"("serial");

-- CreateIndex
CREATE INDEX "chains_tenant_id_id_idx" ON "chains"("tenant_id", "id");

-- CreateIndex
CREATE INDEX "chains_app_id_idx" ON "chains"("app_id");

-- CreateIndex
CREATE INDEX "placements_tenant_id_id_idx" ON "placements"("tenant_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "placements_chain_id_region_key" ON "placements"("chain_id", "region");

-- CreateIndex
CREATE INDEX "nodes_chain_id_idx" ON "nodes"("chain_id");

-- CreateIndex
CREATE UNIQUE INDEX "nodes_placement_id_name_key" ON "nodes"("placement_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "parts_chain_id_kind_name_key" ON "parts"("chain_id", "kind", "name");

-- CreateIndex
CREATE INDEX "materials_renew_at_idx" ON "materials"("renew_at");

-- CreateIndex
CREATE UNIQUE INDEX "materials_chain_id_name_version_key" ON "materials"("chain_id", "name", "version");

-- CreateIndex
CREATE UNIQUE INDEX "authority_keys_chain_id_ref_key" ON "authority_keys"("chain_id", "ref");

-- CreateIndex
CREATE INDEX "operations_tenant_id_id_idx" ON "operations"("tenant_id", "id");

-- CreateIndex
CREATE INDEX "operations_target_id_idx" ON "operations"("target_id");

-- CreateIndex
CREATE INDEX "chain_events_chain_id_id_idx" ON "chain_events"("chain_id", "id");

-- CreateIndex
CREATE INDEX "idempotency_records_expires_at_idx" ON "idempotency_records"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "audit_events_tenant_id_seq_key" ON "audit_events"("tenant_id", "seq");

-- CreateIndex
CREATE UNIQUE INDEX "audit_checkpoints_tenant_id_seq_key" ON "audit_checkpoints"("tenant_id", "seq");

-- CreateIndex
CREATE INDEX "decisions_tenant_id_id_idx" ON "decisions"("tenant_id", "id");

-- CreateIndex
CREATE INDEX "request_log_app_id_id_idx" ON "request_log"("app_id", "id");

-- CreateIndex
CREATE INDEX "request_log_at_idx" ON "request_log"("at");

-- CreateIndex
CREATE UNIQUE INDEX "price_books_portal_id_version_key" ON "price_books"("portal_id", "version");

-- ---------------------------------------------------------------------------------------------------------------------
-- From here on: what only SQL can say. schema.prisma names each under `sql:`. The roles portolan_owner (runs this),
-- portolan_app and portolan_system exist already (packages/store/README.md).
-- ---------------------------------------------------------------------------------------------------------------------

-- Row-level security. Every table with a tenant_id calls this once, in the migration that makes it; a test reads the
-- catalog. FORCE binds the owner too: a migration that moves rows says "set local role portolan_system" first.
create function protect_tenant_table(target regclass, tenant_column text default 'tenant_id') returns void
language plpgsql set search_path = pg_catalog, public as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant_only on %s using (%I = current_setting(''app.tenant'', true)) '
    'with check (%I = current_setting(''app.tenant'', true))', target, tenant_column, tenant_column);
end $$;
revoke execute on function protect_tenant_table(regclass, text) from public;

select protect_tenant_table(c.oid)
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p');
-- A tenant sees its own row.
select protect_tenant_table('tenants', 'id');

-- Grants. The system role (bypasses row-level security) works on everything but the history of migrations; later tables
-- are granted to it by default. The app role gets what the API does for a tenant, table by table: no credential of a
-- person, no key material, no setting of the installation.
grant usage on schema public to portolan_app, portolan_system;
grant select, insert, update, delete on all tables in schema public to portolan_system;
grant usage, select on all sequences in schema public to portolan_system;
alter default privileges in schema public grant select, insert, update, delete on tables to portolan_system;
alter default privileges in schema public grant usage, select on sequences to portolan_system;
do $$
begin
  if to_regclass('public._prisma_migrations') is not null then
    revoke all on _prisma_migrations from portolan_system;
  end if;
end $$;

grant select on portals, regions, price_books, audit_checkpoints, usage_hourly, request_log to portolan_app;
grant select, insert, update, delete on
  apps, keys, service_accounts, chains, placements, nodes, parts, operations, log_requests, idempotency_records
  to portolan_app;
grant select, insert on chain_events, audit_events, decisions to portolan_app;
grant select, update (name, audit_seq) on tenants to portolan_app;
grant usage on sequence chains_serial_seq to portolan_app;

-- At most one live operation per target: promised by the database, not by code.
create unique index operations_one_live_per_target on operations (target_type, target_id)
  where state in ('queued', 'running', 'needsAttention');

-- The work list: rows that are due, and nothing else.
create index chains_due on chains (next_at) where next_at is not null;
create index placements_due on placements (region, next_at) where next_at is not null;
-- A wish that was not reached is always on the list.
alter table placements add constraint placements_wish_is_due
  check (generation <= observed_generation or next_at is not null);

-- The audit log only grows: its hashes are set once, by the sealer.
create function keep_audit_event() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  if tg_op = 'UPDATE' and old.hash is null and new.hash is not null
     and to_jsonb(new) - 'hash' - 'previous_hash' = to_jsonb(old) - 'hash' - 'previous_hash' then
    return new;
  end if;
  raise exception 'audit_events is append-only';
end $$;
create trigger audit_event_kept before update or delete on audit_events
  for each row execute function keep_audit_event();
create trigger audit_events_kept before truncate on audit_events
  for each statement execute function keep_audit_event();
revoke update, delete on audit_events from portolan_system;
grant update (hash, previous_hash) on audit_events to portolan_system;

-- Hints. Postgres sends them at commit; equal ones of one transaction are sent once. Whoever listens must also look by
-- itself from time to time: a notification may be lost.
create function notify_edge() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  perform pg_notify('portolan_edge', json_build_object('kind', tg_argv[0], 'id', new.id)::text);
  return null;
end $$;
create trigger app_changed after insert or update on apps for each row execute function notify_edge('app');
create trigger key_changed after insert or update on keys for each row execute function notify_edge('key');
create trigger chain_route_made after insert on chains for each row execute function notify_edge('route');
create trigger chain_route_changed after update on chains for each row
  when (new.route is distinct from old.route or new.route_version is distinct from old.route_version)
  execute function notify_edge('route');

-- What a gateway takes by version gets a new one with each change; a wish closes a route before any worker acts on it.
create function raise_version() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  new.version := old.version + 1;
  return new;
end $$;
create trigger app_version before update on apps for each row execute function raise_version();
create trigger key_version before update on keys for each row execute function raise_version();
create function raise_route_version() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  if new.wish is distinct from old.wish and new.route_version = old.route_version then
    new.route_version := old.route_version + 1;
  end if;
  return new;
end $$;
create trigger chain_route_version before update on chains for each row execute function raise_route_version();

-- Half a second of grace: the times are the callers', whose clocks are not quite ours.
create function notify_chain_due() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  if new.next_at <= clock_timestamp() + interval '500 milliseconds'
     and (tg_op = 'INSERT' or new.next_at is distinct from old.next_at) then
    perform pg_notify('portolan_work', json_build_object('chainId', new.id)::text);
  end if;
  return null;
end $$;
create trigger chain_due after insert or update on chains
  for each row execute function notify_chain_due();

create function notify_placement_due() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  if new.next_at <= clock_timestamp() + interval '500 milliseconds'
     and (tg_op = 'INSERT' or new.next_at is distinct from old.next_at) then
    perform pg_notify('portolan_work', json_build_object('placementId', new.id, 'region', new.region)::text);
  end if;
  return null;
end $$;
create trigger placement_due after insert or update on placements
  for each row execute function notify_placement_due();

create function notify_operation() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  perform pg_notify('portolan_operation', new.id);
  return null;
end $$;
create trigger operation_changed after insert or update on operations
  for each row execute function notify_operation();

create function notify_log_request() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  if tg_op = 'INSERT' then
    perform pg_notify('portolan_work', json_build_object('logRequest', true, 'region', new.region)::text);
  else
    perform pg_notify('portolan_log', new.id);
  end if;
  return null;
end $$;
create trigger log_request_made after insert or update on log_requests
  for each row execute function notify_log_request();

-- Usage by month. The partitions have a schema of their own, where only usage_hourly leads to them (and where the
-- comparison with schema.prisma does not look). Rows of a month without one go to the default partition.
create schema partitions;
create table partitions.usage_hourly_rest partition of usage_hourly default;

-- Makes the partitions of `months` months from `first`'s on; those that exist are left alone, and so is a month whose
-- rows already are in the default partition. The worker calls it daily.
create function ensure_usage_partitions(first date, months integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
declare
  month date := date_trunc('month', first)::date;
  made integer := 0;
  child text;
begin
  if months not between 1 and 60 then
    raise exception 'months must be between 1 and 60';
  end if;
  for step in 1..months loop
    child := 'usage_hourly_' || to_char(month, 'YYYY_MM');
    if to_regclass('partitions.' || child) is null and not exists (
      select 1 from partitions.usage_hourly_rest
       where hour >= month::timestamptz and hour < (month + interval '1 month')::timestamptz
    ) then
      execute format('create table if not exists partitions.%I partition of usage_hourly for values from (%L) to (%L)',
        child, month::timestamptz, (month + interval '1 month')::timestamptz);
      made := made + 1;
    end if;
    month := (month + interval '1 month')::date;
  end loop;
  return made;
end $$;
revoke execute on function ensure_usage_partitions(date, integer) from public;
grant execute on function ensure_usage_partitions(date, integer) to portolan_system;
select ensure_usage_partitions(current_date, 12);
