-- Names that only one chain of the plane may have at a time, whoever's it is: an EVM chain's id.
CREATE TABLE "chain_claims" (
    "name" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,

    CONSTRAINT "chain_claims_pkey" PRIMARY KEY ("name")
);

CREATE INDEX "chain_claims_chain_id_idx" ON "chain_claims"("chain_id");

select protect_tenant_table('chain_claims');
grant select, insert on chain_claims to portolan_app;

-- Which of the names somebody has; whose they are is nobody's business. Only so a tenant learns of others' before it asks
-- for one: the primary key decides.
create function claims_taken(wanted text[]) returns setof text
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select name from chain_claims where name = any(wanted) order by name
$$;
revoke execute on function claims_taken(text[]) from public;
grant execute on function claims_taken(text[]) to portolan_app, portolan_system;
-- It runs as the system role, whom row-level security lets pass.
grant create on schema public to portolan_system;
alter function claims_taken(text[]) owner to portolan_system;
revoke create on schema public from portolan_system;

-- Until nothing of a chain is left it may come back.
create function release_chain_claims() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  delete from chain_claims where chain_id = new.id;
  return null;
end $$;
create trigger chain_purged after update of phase on chains
  for each row when (new.phase = 'purged' and old.phase is distinct from new.phase)
  execute function release_chain_claims();
