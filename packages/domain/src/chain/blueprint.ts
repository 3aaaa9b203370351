import type { MaterialRef } from "./material.ts";
import type { Exposure, OutsideAddress } from "./topology.ts";

/**
 * A path the runtime knows and the framework does not: inside a volume, of a file of this node, or of a directory that
 * files of this node lie in (`msp` for `msp/cacerts/ca.pem`; empty: the directory of them all).
 */
export type PathRef = { volume: string; path?: string } | { file: string } | { directory: string };

/** A piece of a command line or an environment value. Pieces of an array are joined without a separator. */
export type Text = string | PathRef | readonly (string | PathRef)[];

/** Environment values may be secret; arguments never (anyone on the machine reads a process list). */
export type EnvValue = Text | { secret: MaterialRef };

export type FileContent =
  /** Paths in it become those that the node's programs see. */
  | { text: Text }
  /** The public part (as canonical JSON unless it is a string) or the sealed part of a material item, or a field of it. */
  | { public: MaterialRef }
  | { secret: MaterialRef }
  /** A file that the framework's package ships, by its path inside the framework's `assets/` folder. */
  | { asset: string };

export interface FileSpec {
  /** A plain name or a relative path of plain names (`msp/cacerts/ca.pem`); what `isFileName` accepts. */
  name: string;
  content: FileContent;
  /** POSIX mode, e.g. 0o600. */
  mode: number;
  /**
   * Only read when the program starts, and what runs is told of its news otherwise (by a step) or does without them:
   * another content is no reason to restart the node. It lies there with the next start.
   */
  isForNextStart?: true;
}

const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Whether a file of this name stays below its node's directory: plain names, at most eight deep, no dot first. */
export const isFileName = (name: string): boolean => {
  const parts = name.split("/");
  return parts.length <= 8 && parts.every((part) => plainName.test(part));
};

/** Whether the reference names a directory that these files lie in; every node has the one of them all. */
export const isDirectoryOf = (files: readonly { name: string }[], directory: string): boolean =>
  directory === "" || files.some(({ name }) => name.startsWith(`${directory}/`));

export interface Probe {
  /**
   * `rpc`: an HTTP POST of `body` answered with 2xx; `tcp`: a connection opens; `tls`: it opens and the handshake
   * succeeds, whoever the certificate is from (a bare connection to a TLS port would be an error in the program's log).
   */
  kind: "http" | "tcp" | "tls" | "rpc";
  port: string;
  path?: string;
  body?: string;
  periodMs: number;
  timeoutMs: number;
  /** How long the program may take to answer first. */
  startupMs: number;
}

export interface ProgramSpec {
  /** Name of the program, e.g. `anvil`; the process runtime finds it, Kubernetes takes `image`. */
  name: string;
  version: string;
  image: string;
  /** What the image itself says is started, with the arguments that it says; `name` is only what it is called. */
  isEntrypoint?: true;
}

export interface ProcessSpec {
  name: string;
  program: ProgramSpec;
  args: readonly Text[];
  env: { readonly [name: string]: EnvValue };
  probe?: Probe;
  /** Started once these processes of the same node answer their probes; stopped before them. */
  after: readonly string[];
  /**
   * The node serves before this process answers: it counts as running once it is started, and only what it does later
   * (not answering for `startupMs`, ending) is trouble. Whether it is needed yet is for the framework's `inspect`.
   */
  isAuxiliary?: boolean;
  stopSignal: "SIGTERM" | "SIGINT";
  stopGraceMs: number;
}

/** Runs to its end before the node's processes start, at each start; must be idempotent. */
export interface InitSpec {
  name: string;
  program: ProgramSpec;
  args: readonly Text[];
  env: { readonly [name: string]: EnvValue };
  timeoutMs: number;
}

/** Runs once per key and node, ever, after the node's processes are up; its success is recorded beside the data. */
export interface JobSpec extends InitSpec {
  key: string;
}

export interface VolumeSpec {
  name: string;
  kind: "data" | "scratch";
  sizeBytes: number;
}

export interface BlueprintPort {
  name: string;
  exposure: Exposure;
  protocol: "http" | "grpc" | "tcp";
  bindHost: string;
  bindNumber: number;
  host: string;
  number: number;
  /** Callers from outside the region reach it under this name, and its programs' certificates have it. */
  outside?: OutsideAddress;
}

export interface BlueprintNode {
  name: string;
  role: string;
  ordinal: number;
  version: string;
  processes: readonly ProcessSpec[];
  init: readonly InitSpec[];
  jobs: readonly JobSpec[];
  files: readonly FileSpec[];
  volumes: readonly VolumeSpec[];
  ports: readonly BlueprintPort[];
  /** Numeric user on Kubernetes; the process runtime has its own unprivileged one. */
  userId: number;
  resources: { cpuMillis: number; memoryBytes: number };
  /** Nodes of this placement that should answer before this one is started. Waiting is bounded, never a deadlock. */
  startAfter: readonly string[];
  /**
   * It runs code that a tenant brought, which nobody has looked at: only where the runtime keeps such code apart from all
   * else (`RuntimeCapabilities.tenantCode`), without data volumes, its image by digest and from nowhere else.
   */
  isTenantCode?: true;
}

/** Traffic the chain needs: from a node (or the plane's parts) to a port of a node. Everything else is denied. */
export interface NetworkRule {
  from: { node: string; region: string } | "gateway" | "worker" | "world";
  to: { node: string; port: string };
}

/** Everything a framework wants running in one region. Pure data; its hash decides whether anything changed. */
export interface Blueprint {
  chainId: string;
  placementId: string;
  framework: string;
  /** Raised when the framework's renderer changes its output without the wish having changed. */
  rendererVersion: number;
  nodes: readonly BlueprintNode[];
  network: readonly NetworkRule[];
  /** Nodes of one group should stand on different machines. */
  spread: readonly { group: string; nodes: readonly string[] }[];
  /**
   * Credentials of the chain's app for registries that tenants' images come from, by host. Not the framework's to say:
   * the coordinator adds them (`withRegistries`). Absent: none.
   */
  registries?: readonly { host: string; credential: MaterialRef }[];
}
