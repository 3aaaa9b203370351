-- Credentials of apps for registries that their own images are pulled from.
CREATE TABLE "registry_credentials" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "username" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,
    "version" BIGSERIAL NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "registry_credentials_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "registry_credentials_tenant_id_app_id_id_idx" ON "registry_credentials"("tenant_id", "app_id", "id");
CREATE UNIQUE INDEX "registry_credentials_app_id_host_key" ON "registry_credentials"("app_id", "host");

select protect_tenant_table('registry_credentials');
-- Replaced whole and never changed in place: what a cluster was given is told by its version. The sealed part is for the
-- system's workers alone.
grant select (id, tenant_id, app_id, host, username, version, created_at), insert, delete on registry_credentials to portolan_app;
grant usage on sequence registry_credentials_version_seq to portolan_app;
