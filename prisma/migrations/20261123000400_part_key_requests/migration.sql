-- CreateTable
CREATE TABLE "part_key_requests" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "public_key" TEXT NOT NULL,
    "answer" JSONB,
    "sealed" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "answered_at" TIMESTAMPTZ(3),

    CONSTRAINT "part_key_requests_pkey" PRIMARY KEY ("id")
);

select protect_tenant_table('part_key_requests');

create function notify_part_key_request() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  if tg_op = 'INSERT' then
    perform pg_notify('portolan_work', json_build_object('partKeyRequest', true)::text);
  else
    perform pg_notify('portolan_edge', json_build_object('kind', 'partKey', 'id', new.id)::text);
  end if;
  return null;
end $$;
create trigger part_key_request_made after insert or update on part_key_requests
  for each row execute function notify_part_key_request();

-- A gateway keeps a part's key no longer than the route's version stands: one that goes raises it.
create function raise_route_of_part() returns trigger language plpgsql set search_path = pg_catalog, public as $$
begin
  update chains set route_version = route_version + 1 where id = new.chain_id;
  return null;
end $$;
create trigger part_gone after update on parts for each row
  when (new.deleted_at is distinct from old.deleted_at)
  execute function raise_route_of_part();
