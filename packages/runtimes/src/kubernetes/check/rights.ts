/** One kind of object and what the worker does with it. */
export interface Right {
  /** Empty: the core group. */
  group: string;
  /** With a subresource: `pods/log`. */
  resource: string;
  verbs: readonly string[];
  /** Only where the cluster has the kind. */
  isOptional?: boolean;
  /** Only where the region has an entry for callers from outside. */
  isOfEntry?: boolean;
}

const all = ["get", "list", "watch", "create", "patch", "delete"] as const;

/**
 * Everything that the worker asks of a cluster: `regions check` asks for each verb, and `deploy/kubernetes/rbac.yaml` is
 * made of it. Server-side apply is `patch`, and `create` where the object is not there yet.
 */
export const rights: readonly Right[] = [
  { group: "", resource: "namespaces", verbs: all },
  { group: "", resource: "pods", verbs: all },
  { group: "", resource: "pods/log", verbs: ["get"] },
  // Copies of volumes go through it; a WebSocket begins as GET, and newer API servers ask for `create` too.
  { group: "", resource: "pods/exec", verbs: ["get", "create"] },
  { group: "", resource: "persistentvolumeclaims", verbs: all },
  { group: "", resource: "services", verbs: all },
  { group: "", resource: "configmaps", verbs: all },
  { group: "", resource: "secrets", verbs: all },
  { group: "", resource: "resourcequotas", verbs: all },
  { group: "", resource: "limitranges", verbs: all },
  { group: "", resource: "events", verbs: ["get", "list", "watch"] },
  { group: "apps", resource: "statefulsets", verbs: all },
  { group: "apps", resource: "deployments", verbs: ["get", "create", "patch"], isOfEntry: true },
  { group: "batch", resource: "jobs", verbs: all },
  { group: "networking.k8s.io", resource: "networkpolicies", verbs: all },
  { group: "policy", resource: "poddisruptionbudgets", verbs: all },
  { group: "storage.k8s.io", resource: "storageclasses", verbs: ["get", "list"] },
  { group: "snapshot.storage.k8s.io", resource: "volumesnapshots", verbs: all, isOptional: true },
  { group: "snapshot.storage.k8s.io", resource: "volumesnapshotclasses", verbs: ["get", "list"], isOptional: true },
];
