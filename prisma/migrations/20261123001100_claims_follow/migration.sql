-- A chain that becomes another tenant's takes its names along.
create function carry_chain_claims() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  update chain_claims set tenant_id = new.tenant_id where chain_id = new.id;
  return null;
end $$;
create trigger chain_given after update of tenant_id on chains
  for each row when (new.tenant_id is distinct from old.tenant_id)
  execute function carry_chain_claims();
