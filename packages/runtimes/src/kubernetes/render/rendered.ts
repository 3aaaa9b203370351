import type {
  V1ConfigMap,
  V1Job,
  V1Namespace,
  V1PersistentVolumeClaim,
  V1Secret,
  V1Service,
  V1StatefulSet,
} from "@kubernetes/client-node";
import type { FileContent } from "@portolan/domain";

/**
 * Objects are what goes over the wire as JSON. They are not to be passed through the client's serializer: it knows some
 * members by other names (`_from`, `_default`) and would drop them.
 */
export type Rendered<T> = T & {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels: { [key: string]: string };
    annotations: { [key: string]: string };
  };
};

/** Any of them. */
export type Manifest = Rendered<object>;

/** What `fillSecrets` puts into `data`, under a key. */
export interface Fill {
  into: "files" | "secret";
  key: string;
  content: Exclude<FileContent, { text: unknown }>;
}

export interface RenderedJob {
  /** As in the blueprint: once per key and node, ever. */
  key: string;
  job: Rendered<V1Job>;
}

/** One node: its objects, with secrets and assets still to be filled in. */
export interface RenderedNode {
  name: string;
  objectName: string;
  nodeHash: string;
  rendererVersion: number;
  /** Nodes of the placement that should answer before this one is started. */
  startAfter: readonly string[];
  service: Rendered<V1Service>;
  /** Texts, public material and assets; absent where the node has none. Immutable, so named by its content. */
  files?: Rendered<V1ConfigMap>;
  /** Secret files and environment values; the same. */
  secret?: Rendered<V1Secret>;
  claims: readonly Rendered<V1PersistentVolumeClaim>[];
  /** Scaled to one; `stop` scales it to none. */
  statefulSet: Rendered<V1StatefulSet>;
  jobs: readonly RenderedJob[];
  fills: readonly Fill[];
}

/** Something that the cluster, as its settings have it, does not do as the blueprint asks. */
export interface RenderNote {
  reason:
    | "image_without_digest"
    | "stop_signal_unsupported"
    | "peers_unknown"
    | "memory_not_shared"
    | "loopback_unreachable";
  node?: string;
  message: string;
  hint: string;
}

export interface RenderedPlacement {
  namespace: Rendered<V1Namespace>;
  /** Of the placement as a whole: quota, limits, network policies, budgets; applied in this order, before any node. */
  shared: readonly Manifest[];
  nodes: ReadonlyMap<string, RenderedNode>;
  notes: readonly RenderNote[];
}

/** Objects of one node in the order of applying: what a pod refers to comes before it. Jobs come when it runs. */
export const objectsOf = (node: RenderedNode): Manifest[] => [
  node.service,
  ...(node.files === undefined ? [] : [node.files]),
  ...(node.secret === undefined ? [] : [node.secret]),
  ...node.claims,
  node.statefulSet,
];
