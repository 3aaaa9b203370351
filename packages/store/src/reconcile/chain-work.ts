import type { RouteState } from "@portolan/contract";
import type {
  ChainSpec,
  ChainView,
  Condition,
  JsonObject,
  MaterialItem,
  NewMaterialItem,
  NodeAddress,
  OperationError,
  OperationKind,
  OperationState,
  OperationStep,
  Phase,
  PlacementObservation,
  RegistryCredential,
  SignatureAlgorithm,
  StepResult,
  Wish,
  WorkOrder,
} from "@portolan/domain";
import type { BackupChange, BackupWork, RestoreChange, RestoreWork } from "./backup-work.ts";

export interface PlacementWork {
  id: string;
  region: string;
  generation: number;
  observedGeneration: number;
  addresses: readonly NodeAddress[];
  order: WorkOrder | null;
  orderHash: string | null;
  observation: PlacementObservation | null;
  view: ChainView | null;
  stepResults: readonly StepResult[];
  problem: OperationError | null;
  reportedAt: Date | null;
}

export interface OperationWork {
  id: string;
  kind: OperationKind;
  state: OperationState;
  steps: readonly OperationStep[];
  generation: number;
  isCancelling: boolean;
  createdAt: Date;
  startedAt: Date | null;
  error: OperationError | null;
}

/** One part of `ChainWork.spec.parts`, with how far it is and what is under way on it. */
export interface PartWork {
  id: string;
  kind: string;
  name: string;
  generation: number;
  observedGeneration: number;
  isDeleted: boolean;
  operation: OperationWork | null;
}

/** What the gateway is told of a chain, as the row keeps it (`EdgeRoute` without what other columns say). */
export interface StoredRoute {
  state: RouteState;
  reason: string;
  targets: {
    readonly [protocol: string]: readonly {
      region: string;
      node: string;
      port: string;
      host: string;
      number: number;
      /** The node's own host, where that is another. */
      name?: string;
    }[];
  };
  facts: { readonly [name: string]: string };
}

/** Everything one coordinator pass over a chain starts from, read under the chain's lease. */
export interface ChainWork {
  spec: ChainSpec;
  appId: string;
  fence: bigint;
  wish: Wish;
  generation: number;
  observedGeneration: number;
  phase: Phase;
  hasRun: boolean;
  attempts: number;
  conditions: readonly Condition[];
  view: ChainView | null;
  route: StoredRoute | null;
  /** Of `route` as it was read: one that was closed meanwhile is not opened again by a pass that did not see it. */
  routeVersion: bigint;
  suspectedAt: Date | null;
  deletedAt: Date | null;
  purgeAt: Date | null;
  /** The tenant that the chain's sealed secrets name, where that is another one than today's: it was adopted. */
  sealedFor: string | null;
  placements: readonly PlacementWork[];
  material: readonly MaterialItem[];
  operation: OperationWork | null;
  /** For which registries its app has credentials, by host. */
  registries: readonly RegistryCredential[];
  /** A backup that is to be taken of it; null: none. */
  backup: BackupWork | null;
  /** A backup whose data it is to have; null: none. */
  restore: RestoreWork | null;
  /** In the order of `spec.parts`. */
  parts: readonly PartWork[];
  /** Region slug → capabilities as its worker last said them; null: never heard. */
  regions: { readonly [region: string]: { capabilities: JsonObject | null; seenAt: Date | null } };
}

export interface OrderChange {
  placementId: string;
  order: WorkOrder;
  hash: string;
}

export interface OperationChange {
  id: string;
  state: OperationState;
  progress: number;
  steps: readonly OperationStep[];
  error: OperationError | null;
}

/** What one pass decided; written in one transaction, refused when the fence is stale. */
export interface ChainChanges {
  conditions: readonly Condition[];
  phase: Phase;
  observedGeneration: number;
  hasRun: boolean;
  view: ChainView | null;
  route: StoredRoute;
  orders: readonly OrderChange[];
  nodes: readonly {
    placementId: string;
    region: string;
    name: string;
    role: string;
    ordinal: number;
    /** Of a node whose row is new. */
    version: string;
    /** The version that was seen to run, where it is known in this pass. */
    runningVersion?: string;
  }[];
  operation: OperationChange | null;
  backup: BackupChange | null;
  restore: RestoreChange | null;
  /** Operations of parts, and the parts whose generation was reached. */
  partOperations: readonly OperationChange[];
  reachedParts: readonly { id: string; generation: number }[];
  events: readonly { type: string; reason: string; message: string }[];
  purgeAt: Date | null;
  attempts: number;
  nextAt: Date | null;
  /** The purge was reached: material and keys go with this write. */
  isPurged: boolean;
}

/** A sealed secret of a chain, with what it is bound to besides its owner. */
export type SealedRow = { id: string; sealed: Uint8Array } & (
  | { kind: "material"; name: string; version: number }
  | { kind: "authority"; ref: string; algorithm: SignatureAlgorithm }
);

export type SealedMaterial = Omit<NewMaterialItem, "secret"> & { sealed: Uint8Array | null };
