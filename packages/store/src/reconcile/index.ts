export { type ChainCoordination, createChainCoordination } from "./chain-coordination.ts";
export type {
  ChainChanges,
  ChainWork,
  OperationChange,
  OperationWork,
  OrderChange,
  PlacementWork,
  SealedMaterial,
  StoredRoute,
} from "./chain-work.ts";
export { accrueNodeTime } from "./node-time.ts";
export {
  type CentreHints,
  type CentreSecrets,
  createPostgresCentrePort,
  type PostgresCentrePortDeps,
} from "./postgres-centre-port.ts";
