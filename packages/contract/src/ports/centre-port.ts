import type {
  ChainView,
  JsonObject,
  LogLine,
  MaterialRef,
  NodeAddress,
  OperationError,
  PlacementObservation,
  SealedSecret,
  StepResult,
  WorkOrder,
} from "@portolan/domain";

/** A placement in the hands of one worker until `until`; every further call carries `fence`. */
export interface PlacementClaim {
  placementId: string;
  chainId: string;
  tenantId: string;
  region: string;
  fence: bigint;
  /** Lease end; renew before. */
  until: Date;
  generation: number;
  observedGeneration: number;
  /** Reports in a row that did not reach the order: what back-off grows with. */
  attempts: number;
  addresses: readonly NodeAddress[];
  order: WorkOrder | null;
  previousView: ChainView | null;
  /** Steps of this order that have a result already. */
  stepResults: readonly StepResult[];
}

/** What a worker holds of a placement. */
export type Lease = Pick<PlacementClaim, "placementId" | "fence">;

export interface PlacementReport {
  placementId: string;
  fence: bigint;
  /** The order's generation this report is about. */
  generation: number;
  observation: PlacementObservation;
  view: ChainView | null;
  stepResults: readonly StepResult[];
  /**
   * The chain's own share of the order is reached as far as the runtime can say. The store sets `observedGeneration`
   * from it.
   */
  isReached: boolean;
  /** Something that the order wants of the chain's parts is not reached: it is tried again, ever more seldom. */
  hasOpenParts?: boolean;
  /** What stands in the way, for conditions and the operation. */
  problem?: OperationError;
  /** When to look again if nothing else happens; null: not before there is another order. */
  nextAt: Date | null;
}

export interface UsageBatch {
  source: string;
  /** Of one life of the source, e.g. start time and random: a restarted source never reuses one. */
  epoch: string;
  seq: number;
  records: readonly UsageRecord[];
}

/** Quantities are decimal strings of integer base units; compute in deci-units (10 dCU = 1 CU). */
export interface UsageRecord {
  tenantId: string;
  appId: string;
  subject: { type: string; id: string };
  regionId: string;
  sku: string;
  dims: JsonObject;
  quantity: string;
  /** Number of calls in it, where it counts calls. */
  count: string;
  from: string;
  to: string;
  keyId?: string;
  method?: string;
}

/** A lost lease is a value. */
export type Fenced<T> = { fenced: true } | ({ fenced: false } & T);

export interface LogRequest {
  id: string;
  placementId: string;
  chainId: string;
  tenantId: string;
  region: string;
  node: string;
  since?: string;
  limit: number;
}

/** A copy in a region's store that nothing refers to any more. */
export interface DoomedBackup {
  backupId: string;
  placementId: string;
  region: string;
}

/**
 * What a worker of a region needs of the centre; the region never holds the database. Implemented on Postgres
 * (central and embedded) and, for other parties' regions, over region-scoped outbound HTTPS.
 */
export interface CentrePort {
  /** Placements of these regions that are due (`nextAt <= now`) and not leased. */
  due(regions: readonly string[], limit: number): Promise<string[]>;
  /**
   * Makes every placement of these regions that is not purged due now. Called where nobody could look for a while, and
   * what happened to its nodes is not known: by a worker that starts, and when a region answers again.
   */
  recheck(regions: readonly string[]): Promise<void>;
  claim(placementId: string, worker: { id: string; leaseMs: number }): Promise<PlacementClaim | null>;
  /**
   * Moves the ends of leases, all in one call: a worker may hold many, and none may wait for another. Answers which of
   * them are lost. One whose row somebody is writing to just now is passed over: ask several times within a lease.
   */
  renew(leases: readonly Lease[], leaseMs: number): Promise<{ lost: readonly Lease[] }>;
  reportAddresses(placementId: string, fence: bigint, addresses: readonly NodeAddress[]): Promise<Fenced<object>>;
  /** Secrets, sealed to this worker's public key. What the order's blueprint does not reference is left out. */
  secrets(
    placementId: string,
    fence: bigint,
    refs: readonly MaterialRef[],
    workerPublicKey: string,
  ): Promise<Fenced<{ secrets: readonly SealedSecret[] }>>;
  publics(
    placementId: string,
    fence: bigint,
    refs: readonly MaterialRef[],
  ): Promise<Fenced<{ items: readonly { ref: MaterialRef; value: JsonObject | string }[] }>>;
  /** A signature by reference; refused for references that the placement's order does not name. */
  sign(placementId: string, fence: bigint, ref: string, data: Uint8Array): Promise<Fenced<{ signature: Uint8Array }>>;
  reportStep(placementId: string, fence: bigint, result: StepResult): Promise<Fenced<object>>;
  /**
   * These nodes were seen down: the gateway must stop sending to them before they are started again, because a node
   * that comes back may answer before it has its state. Takes effect with the call, not with the next pass.
   */
  reportDown(placementId: string, fence: bigint, nodes: readonly string[]): Promise<Fenced<object>>;
  report(report: PlacementReport): Promise<Fenced<object>>;
  /**
   * Ends the lease without a report. The placement is due again at `nextAt`; absent: when the lease would have ended.
   */
  release(placementId: string, fence: bigint, nextAt?: Date): Promise<void>;
  logRequests(regions: readonly string[]): Promise<LogRequest[]>;
  answerLogs(requestId: string, lines: readonly LogLine[]): Promise<void>;
  reportUsage(batch: UsageBatch): Promise<{ isDuplicate: boolean }>;
  /** Calls back when a placement of these regions may have work, or a log request waits. Hints only. */
  watch(
    regions: readonly string[],
    onHint: (hint: { placementId?: string; logRequest?: true }) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Copies of failed and deleted backups that are still to be removed from these regions' stores. */
  doomedBackups(regions: readonly string[], limit: number): Promise<DoomedBackup[]>;
  /** Nothing of the backup is left in the region's store. */
  backupRemoved(backupId: string, region: string): Promise<void>;
  /** Placement ids of this region that have a row: what else carries our label is an orphan. */
  known(region: string): Promise<string[]>;
}
