import type {
  Blueprint,
  JsonObject,
  LogLine,
  MaterialRef,
  NodeAddress,
  NodeSpec,
  PlacementObservation,
} from "@portolan/domain";
import type { RuntimeCapabilities } from "@portolan/frameworks";

/** The part of a chain in one region, as a runtime needs to know it. */
export interface PlacementRef {
  placementId: string;
  chainId: string;
  tenantId: string;
  region: string;
}

/** Where a node's port was, elsewhere, and has to be again. */
export type WishedAddress = Pick<NodeAddress, "node" | "port" | "host" | "number">;

/** Grows with every lease; a runtime refuses a writer whose fence is lower than one it has seen for the placement. */
export type Fence = bigint;

/** Opens what a blueprint only references. Held in memory for one turn; runtimes must not keep or log it. */
export interface SecretSource {
  secret(ref: MaterialRef): Uint8Array;
  /** The public part of a material item. */
  public(ref: MaterialRef): JsonObject | string;
  /** A file that the framework's package ships. */
  asset(path: string): Uint8Array;
}

/** Something outside that carries our label. Without a row it is an orphan: reported, not deleted on sight. */
export interface InventoryItem {
  placementId: string;
  node: string;
  /** `program`: what runs and `stop` ends, be it a process or a pod. */
  kind: "program" | "directory" | "namespace" | "volume";
  name: string;
}

/** A place for snapshots: `<path>/<name>/<placement>/`, of the worker's own user only. */
export interface SnapshotStore {
  kind: "directory";
  path: string;
  /** A placement with more data than this is refused. */
  maxBytes?: number;
}

/**
 * Which snapshot of a store. With `digest` a manifest that is another one than was taken is refused, with `sizeBytes` one
 * whose files are more or less than that.
 */
export interface SnapshotName {
  name: string;
  digest?: string;
  sizeBytes?: number;
}

export interface SnapshotFacts {
  sizeBytes: number;
  files: number;
  /** SHA-256 of the manifest, which has that of every file. */
  digest: string;
}

/**
 * Makes blueprints true somewhere. Knows nothing of blockchains. Every writing call carries a fence and throws
 * `runtime.fence_stale` when a higher one has been seen; every call is idempotent and safe to repeat after a crash.
 */
export interface Runtime {
  readonly capabilities: RuntimeCapabilities;
  /**
   * Reaches what it runs things on and learns what that can do, for `capabilities`; throws `region.unreachable` or what
   * it is refused for. Absent: it is always there and the same.
   */
  learn?(): Promise<RuntimeCapabilities>;
  /**
   * Addresses for each port of each node. Comes first: they go into certificates, genesis and peers' files. A node's
   * port that is `wished` gets that host and number or none: one that something else has, or that can't be had here,
   * ends it with `address.taken`, before any is reserved.
   */
  reserve(
    placement: PlacementRef,
    nodes: readonly NodeSpec[],
    fence: Fence,
    wished?: readonly WishedAddress[],
  ): Promise<NodeAddress[]>;
  /**
   * Brings the nodes (`only`: just these) to the blueprint, starts what is down (with back-off between restarts),
   * removes nodes that were dropped, never a volume. Returns without waiting for programs to become ready.
   */
  apply(
    placement: PlacementRef,
    blueprint: Blueprint,
    secrets: SecretSource,
    fence: Fence,
    only?: readonly string[],
  ): Promise<void>;
  /** Stops programs, in stop order, with their grace; keeps directories, ports and volumes. */
  stop(placement: PlacementRef, fence: Fence): Promise<void>;
  observe(placement: PlacementRef): Promise<PlacementObservation>;
  inventory(): Promise<InventoryItem[]>;
  /** Nodes go; volumes too if `volumes`. Done when `observe` is empty; destroying nothing succeeds. */
  destroy(placement: PlacementRef, options: { volumes: boolean; fence: Fence }): Promise<void>;
  dial(placement: PlacementRef, node: string, port: string): Promise<{ host: string; port: number }>;
  /** Lines of a node's programs, oldest first, each `{ at, process, line }`; ends unless `follow`. */
  logs(
    placement: PlacementRef,
    node: string,
    options: { since?: Date; limit?: number; follow?: boolean; signal?: AbortSignal },
  ): AsyncIterable<LogLine>;
  /**
   * Copies all data volumes; programs must be stopped. Files (keys, certificates, configuration) are no volumes and not
   * in it. Whole or not there; one of this name that is there already is the answer.
   */
  snapshot(placement: PlacementRef, store: SnapshotStore, name: string, fence: Fence): Promise<SnapshotFacts>;
  /** Checks every file of a snapshot and lays a copy ready; the volumes stay as they are. `apply` clears it away. */
  stage(placement: PlacementRef, store: SnapshotStore, snapshot: SnapshotName, fence: Fence): Promise<void>;
  /** Makes the volumes exactly those of the snapshot, staged now if it was not; programs must be stopped. */
  restore(placement: PlacementRef, store: SnapshotStore, snapshot: SnapshotName, fence: Fence): Promise<void>;
  /** Removing what is not there succeeds. */
  removeSnapshot(placementId: string, store: SnapshotStore, name: string): Promise<void>;
  /** Hints that something may have changed; may be late, doubled or lost. Returns when `signal` aborts. */
  watch(onChange: (placementId: string) => void, signal: AbortSignal): Promise<void>;
}
