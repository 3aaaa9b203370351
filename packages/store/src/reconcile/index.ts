export { auditHash, sealAudit } from "./audit-sealer.ts";
export { createAuthorityKeys } from "./authority-keys.ts";
export { meterBackups } from "./backup-time.ts";
export type { BackupChange, BackupWork, FormerWish, RestoreChange, RestoreWork } from "./backup-work.ts";
export { type ChainCoordination, createChainCoordination } from "./chain-coordination.ts";
export { type ChainFacts, loadChainFacts } from "./chain-facts.ts";
export type {
  ChainChanges,
  ChainWork,
  OperationChange,
  OperationWork,
  OrderChange,
  PartWork,
  PlacementWork,
  SealedMaterial,
  SealedRow,
  StoredRoute,
} from "./chain-work.ts";
export { toChainSpec, toPartSpec } from "./load-chain-work.ts";
export { accrueNodeTime } from "./node-time.ts";
export {
  type CentreHints,
  createPostgresCentrePort,
  type PostgresCentrePortDeps,
} from "./postgres-centre-port.ts";
export { pruneStore } from "./prune.ts";
export { type RegionProblem, reportRegion } from "./region-reports.ts";
export type { CentreSecrets } from "./reseal-for-worker.ts";
export { createStandbyPool, type StandbyChain, type StandbyKind, type StandbyPool } from "./standby-pool.ts";
export { meterStorage } from "./storage-time.ts";
