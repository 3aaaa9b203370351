-- Copies of chains' data in the stores of their regions, and the wish to have one back.
CREATE TABLE "backups" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chain_id" TEXT NOT NULL,
    "operation_id" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "framework" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "nodes" JSONB NOT NULL DEFAULT '[]',
    "copies" JSONB NOT NULL DEFAULT '[]',
    "size_bytes" BIGINT NOT NULL DEFAULT 0,
    "store" TEXT NOT NULL DEFAULT 'directory',
    "error" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),
    "removed_from" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "backups_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "backups_tenant_id_id_idx" ON "backups"("tenant_id", "id");
CREATE INDEX "backups_chain_id_id_idx" ON "backups"("chain_id", "id");

ALTER TABLE "chains" ADD COLUMN "restore_backup_id" TEXT;

select protect_tenant_table('backups');
-- What a copy consists of is the system's to say; a tenant asks for one and lets it go.
grant select, insert, update (state, ended_at) on backups to portolan_app;

-- One at a time, promised by the database.
create unique index backups_one_open_per_chain on backups (chain_id) where state in ('queued', 'running');
-- The list of what is still to be removed from stores, and nothing else.
create index backups_to_remove on backups (id) where state in ('failed', 'deleted') and removed_at is null;
