import type { ClusterLevel } from "./programs.ts";

export interface ClusterNode {
  readonly name: string;
  /** Where its kubelet and its node ports answer. */
  readonly address: string;
  /** Addresses of its pods, CIDR. */
  readonly podNetwork: string;
}

/** Addresses of level 3, CIDR but for `machine`. This machine reaches pods and services directly. */
export interface ClusterNetwork {
  /** This machine's address on the nodes' network; what runs here reaches pods from it. */
  readonly machine: string;
  /** What a pod may see a connection from this machine come from: to a service it passes a node. */
  readonly nodes: string;
  readonly pods: string;
  readonly services: string;
  readonly dns: string;
}

/** Debian's docker-registry, twice over the same images: one for everybody, one with a password. Plain HTTP. */
export interface ClusterRegistry {
  /** `host:port`, the first part of an image's name. */
  readonly open: string;
  readonly closed: string;
  readonly user: string;
  readonly password: string;
}

export interface ClusterFacts {
  readonly level: ClusterLevel;
  /** Of the API server. */
  readonly server: string;
  /** Of an administrator, everything embedded (JSON, which is YAML). */
  readonly kubeconfig: string;
  /** The same in a file. */
  readonly adminKubeconfigPath: string;
  readonly kubectl: string;
  /** Logs of its programs are in `logs`. */
  readonly runDirectory: string;
  /** Level 3's; simulated nodes are none. */
  readonly nodes: readonly ClusterNode[];
  readonly network?: ClusterNetwork;
  readonly registry?: ClusterRegistry;
  /** What provisions volumes from level 2 on: one whose volumes stay on their node, one whose volumes go anywhere. */
  readonly storageClasses: { readonly node: string; readonly anywhere: string; readonly fixed: string };
}

export interface ImageSpec {
  /** `echo`, or `team/echo`; no registry, no tag. */
  readonly name: string;
  /** Default `1`. */
  readonly tag?: string;
  /** Programs of this machine, by path: each comes to /usr/local/bin with the shared libraries that it needs. */
  readonly programs?: readonly string[];
  /** Path in the image → path of a file or directory of this machine. */
  readonly files?: { readonly [inImage: string]: string };
  /** Path in the image → the file's text. */
  readonly texts?: { readonly [inImage: string]: string };
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: { readonly [name: string]: string };
  /** Default 65532. */
  readonly userId?: number;
}

export interface ClusterImage {
  /** `docker.io/local/echo:1`: on every node already, pulled from nowhere. */
  readonly reference: string;
  /** `docker.io/local/echo@sha256:…`, on every node too. */
  readonly digestReference: string;
  readonly digest: string;
  /** The OCI archive. */
  readonly archive: string;
}

/** A cluster of the tests; what it cannot do at its level throws. */
export interface TestCluster extends ClusterFacts {
  /** Ends the node's processes at once, as a power cut does. Its Node object stays. */
  stopNode(name: string): Promise<void>;
  /** Ready when it returns. Images and volumes are those from before. */
  startNode(name: string): Promise<void>;
  /** At once, in the middle of what it does. */
  killApiServer(): Promise<void>;
  /** At the same address, with the same data; ready when it returns. */
  startApiServer(): Promise<void>;
  /** It accepts connections and answers nothing, until it is thawed. */
  freezeApiServer(): Promise<void>;
  thawApiServer(): Promise<void>;
  /**
   * Controllers, scheduler and simulated nodes start anew, as they do with a control plane's machine: alone they may rest
   * for up to a minute after an API server was not there.
   */
  restartControllers(): Promise<void>;
  /** Names of new simulated nodes that are Ready. Level 2 starts with three. */
  addSimulatedNodes(count: number): Promise<readonly string[]>;
  /** Makes it and lays it on every node. */
  makeImage(spec: ImageSpec): Promise<ClusterImage>;
  /** Lays the image into the registry under `repository:tag`; returns what is to be pulled, by its digest, per registry. */
  pushImage(image: ClusterImage, repository: string, tag: string): Promise<{ open: string; closed: string }>;
  /** Of a shared cluster: nothing; the run ends it. */
  close(): Promise<void>;
}

/** Commands of a keeper → what they are called with. */
export type ClusterCommand = Exclude<keyof TestCluster, keyof ClusterFacts>;
