import type { JsonObject, JsonValue } from "../json.ts";
import type { OperationError } from "./operation.ts";

/** One node as its own protocols show it. */
export interface NodeView {
  healthy: boolean;
  /** Why not healthy, or what it is doing. */
  reason?: string;
  /** What can be done about it, where nothing of the plane's own does. */
  hint?: string;
  /** Decimal string: heights outgrow doubles nowhere soon, but one form is used everywhere. */
  height?: string;
  detail?: JsonObject;
}

/** What `inspect` saw inside the running network of one region, or, merged, of the whole chain. */
export interface ChainView {
  nodes: { readonly [node: string]: NodeView };
  /** The framework's own findings (peers, channels, validators, leader), read by its own `steps`. */
  facts: JsonObject;
  at: string;
}

export const nodeObservationStates = ["absent", "stopped", "starting", "running", "failed"] as const;
export type NodeObservationState = (typeof nodeObservationStates)[number];

/** What the runtime sees of one node: whether its programs run, not whether the chain is well. */
export interface NodeObservation {
  node: string;
  state: NodeObservationState;
  /** Hash of the blueprint node that is applied; absent when nothing is. */
  appliedHash?: string;
  rendererVersion?: number;
  /** Counts starts of the node's programs, so that a restart is never mistaken for the same run. */
  incarnation: number;
  startedAt?: string;
  reason?: string;
  message?: string;
  hint?: string;
  storageBytes?: string;
  restarts?: number;
}

export interface PlacementObservation {
  nodes: readonly NodeObservation[];
  /** Volumes that still exist, by `node/volume`; what `destroy` keeps until the purge. */
  volumes: readonly string[];
  /** Something is to be written down, or was changed by others: another apply is needed though all may run. */
  isUnsettled?: boolean;
  /** Credentials for registries that are laid in (`toRegistryKeys`); absent: none. */
  registries?: readonly string[];
}

/** One line that a node's program wrote; `at` is RFC 3339 in UTC, `process` the program's name in the blueprint. */
export interface LogLine {
  at: string;
  process: string;
  line: string;
}

export interface StepResult {
  key: string;
  state: "succeeded" | "failed";
  output?: JsonValue;
  error?: OperationError;
  startedAt: string;
  endedAt: string;
}
