import type { Failure } from "../../node-failure.ts";

/** What is to be known of a node without its blueprint, and what was counted. Holds no secrets. */
export interface NodeRecord {
  /** The hash that was last applied, and tried. */
  hash?: string;
  rendererVersion?: number;
  startAfter?: readonly string[];
  /** Containers of programs, and of those that each comes after. */
  order?: { [container: string]: readonly string[] };
  /** The numeric user that its files belong to. */
  userId?: number;
  /** Keys of the jobs that the blueprint names. */
  jobKeys?: readonly string[];
  /** Key → when it succeeded. Belongs to the volumes, and stays as long. */
  jobs: { [key: string]: string };
  /** Starts counted so far: up to `pod` with its `podRestarts`. */
  incarnation: number;
  restarts: number;
  pod?: string;
  podRestarts?: number;
  waitingSince?: string;
  failure?: Failure;
  failedHash?: string;
  failures: number;
  nextAt?: string;
  /** Of a tenant's own image: the credentials (`toRegistryKeys`) that its pod was last started with. */
  pulledWith?: string;
}

export interface PlacementState {
  version: 1;
  nodes: { [node: string]: NodeRecord };
  /** What was applied or was going to be, as `Kind/name`: what is to be looked at when something is dropped. */
  objects: string[];
  /** The region's entry has, or is to get, routes to nodes of it. */
  hasRoutes?: true;
  /** Ports of it have, or are to get, numbers of the region's entry. */
  hasNumbers?: true;
  /** Credentials for registries that are laid in (`toRegistryKeys`). */
  registries?: readonly string[];
  /** Of a placement's own namespace: there is, or may be, one beside it. Where it is not said nobody looks for one. */
  hasApart?: true;
  /** `Kind/name` → what it was when it was last applied, so that the next process finds what was changed meanwhile. */
  applied?: { [entry: string]: string };
  /** A backup that is copied from volumes' snapshots, and the claims that they are of. */
  frozen?: { backup: string; claims: readonly string[] };
  /** What is laid ready of a snapshot. */
  staged?: { name: string; digest?: string; volumes: readonly string[] };
}

export const emptyRecord = (): NodeRecord => ({ jobs: {}, incarnation: 0, restarts: 0, failures: 0 });

export const emptyState = (): PlacementState => ({ version: 1, nodes: {}, objects: [] });

const isState = (value: unknown): value is PlacementState =>
  typeof value === "object" &&
  value !== null &&
  "version" in value &&
  value.version === 1 &&
  "nodes" in value &&
  "objects" in value;

/** What an annotation says; what can't be read counts as nothing: the objects themselves are the truth. */
export const parseState = (text: string | undefined): PlacementState => {
  if (text === undefined) return emptyState();
  try {
    const value: unknown = JSON.parse(text);
    if (isState(value)) return value;
  } catch {
    // Said by its absence.
  }
  return emptyState();
};

export const stateAnnotation = "portolan.dev/state";
