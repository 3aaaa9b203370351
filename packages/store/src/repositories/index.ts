export { type AppRow, appRepository } from "./apps.ts";
export { type AuditRow, auditRepository, type NewAuditEvent } from "./audit.ts";
export { type BackupRow, backupRepository, type NewBackup } from "./backups.ts";
export { chainClaimRepository } from "./chain-claims.ts";
export {
  type ChainBelongings,
  chainExportRepository,
  type ImportedChain,
  type PortableKey,
  type PortableMaterial,
  type PortablePart,
} from "./chain-exports.ts";
export { type ChainEventRow, type ChainRow, chainRepository, type NodeRow } from "./chains-read.ts";
export { type Adoption, chainWishes, type NewChain, type Reserved } from "./chains-write.ts";
export { type DecisionRow, decisionRepository, type NewDecision } from "./decisions.ts";
export { holdsSealedSecrets } from "./holds-sealed-secrets.ts";
export {
  type IdempotencyKey,
  type IdempotencyState,
  idempotencyRepository,
  type RecordedAnswer,
} from "./idempotency.ts";
export { type KeyRow, keyRepository } from "./keys.ts";
export { logRequestRepository, type NewLogRequest } from "./log-requests.ts";
export { type NewOperation, type OperationRow, operationRepository } from "./operations.ts";
export type { Page, PageRequest } from "./page.ts";
export { type PartAddress, type PartRow, partRepository } from "./parts.ts";
export { type PortalRecord, portalRepository } from "./portals.ts";
export { type RegionRow, regionProblem, regionRepository } from "./regions.ts";
export {
  type NewRegistryCredential,
  type RegistryCredentialRow,
  registryCredentialRepository,
} from "./registry-credentials.ts";
export { createRequestLogWriter, type RequestLogRow, requestLogRepository } from "./request-log.ts";
export { type LiveServiceAccount, type ServiceAccountRow, serviceAccountRepository } from "./service-accounts.ts";
export { type LiveSession, type NewSession, type Rotation, sessionRepository } from "./sessions.ts";
export { type NewTenant, tenantRepository } from "./tenants.ts";
export {
  createUsageIngest,
  maxUsageRows,
  type UsageColumn,
  type UsageFilter,
  type UsageSum,
  usageRepository,
} from "./usage.ts";
export { type MembershipRecord, type UserRecord, userRepository } from "./users.ts";
