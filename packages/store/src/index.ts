export {
  bootstrapRoles,
  type DatabaseUrls,
  jobsSchema,
  roleNames,
} from "./clients/bootstrap-roles.ts";
export {
  type ClientsOptions,
  createClients,
  type StoreClient,
  type StoreClients,
  type StoreTransaction,
} from "./clients/create-clients.ts";
export { createListener, type Listener, type ListenerOptions } from "./clients/create-listener.ts";
export { type Query, runSql } from "./clients/run-sql.ts";
export { isConflict, isNotStarted } from "./clients/transaction-errors.ts";
export { inTransaction, outsideTransaction, type TransactionOptions, withTenant } from "./clients/with-tenant.ts";
export * from "./edge/index.ts";
export {
  createEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  type RunningPostgres,
} from "./embedded-postgres/embedded-postgres.ts";
export { PostgresProblem, type PostgresProblemCode } from "./embedded-postgres/postgres-problem.ts";
export { findSystemUser, firstClosedDirectory, type SystemUser } from "./embedded-postgres/system-user.ts";
export { prepareHome, type UsableHome, usableHome } from "./embedded-postgres/usable-home.ts";
export { diffSchema } from "./migrator/diff-schema.ts";
export { type MigrateOptions, migrate } from "./migrator/migrate.ts";
export { hashMigrations, loadMigrations, type MigrationFile } from "./migrator/migration-files.ts";
export * from "./reconcile/index.ts";
export * from "./repositories/index.ts";
export { type SeedOptions, seed } from "./seed.ts";
export { type DeclaredRegions, localRegion, type SeedRegion } from "./seed-regions.ts";
