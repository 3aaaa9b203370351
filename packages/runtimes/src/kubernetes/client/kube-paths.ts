import { DomainError } from "@portolan/domain";

/** A kind of object that this runtime handles, and where the API server has it. */
export interface Kind {
  kind: string;
  apiVersion: string;
  plural: string;
  isNamespaced: boolean;
}

const namespaced = (apiVersion: string, kind: string, plural: string): Kind => ({
  kind,
  apiVersion,
  plural,
  isNamespaced: true,
});

export const kinds = {
  Namespace: { kind: "Namespace", apiVersion: "v1", plural: "namespaces", isNamespaced: false },
  StorageClass: {
    kind: "StorageClass",
    apiVersion: "storage.k8s.io/v1",
    plural: "storageclasses",
    isNamespaced: false,
  },
  Pod: namespaced("v1", "Pod", "pods"),
  StatefulSet: namespaced("apps/v1", "StatefulSet", "statefulsets"),
  Deployment: namespaced("apps/v1", "Deployment", "deployments"),
  PersistentVolumeClaim: namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
  Service: namespaced("v1", "Service", "services"),
  ConfigMap: namespaced("v1", "ConfigMap", "configmaps"),
  Secret: namespaced("v1", "Secret", "secrets"),
  ServiceAccount: namespaced("v1", "ServiceAccount", "serviceaccounts"),
  ResourceQuota: namespaced("v1", "ResourceQuota", "resourcequotas"),
  LimitRange: namespaced("v1", "LimitRange", "limitranges"),
  Event: namespaced("v1", "Event", "events"),
  NetworkPolicy: namespaced("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  PodDisruptionBudget: namespaced("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  Job: namespaced("batch/v1", "Job", "jobs"),
  VolumeSnapshot: namespaced("snapshot.storage.k8s.io/v1", "VolumeSnapshot", "volumesnapshots"),
} as const satisfies { [name: string]: Kind };

const byName: { readonly [name: string]: Kind | undefined } = kinds;

export const findKind = (name: string): Kind => {
  const found = byName[name];
  if (found) return found;
  throw new DomainError({
    code: "runtime.failed",
    message: "The renderer made an object of a kind that the driver does not know.",
    detail: name,
  });
};

/** The path of a collection, or with `name` of one object, or with `below` of a part of it (`log`, `exec`, …). */
export const toPath = (kind: Kind, at: { namespace?: string; name?: string; below?: string } = {}): string => {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  const parts = [root];
  if (kind.isNamespaced && at.namespace !== undefined) parts.push("namespaces", encodeURIComponent(at.namespace));
  parts.push(kind.plural);
  if (at.name !== undefined) parts.push(encodeURIComponent(at.name));
  if (at.below !== undefined) parts.push(at.below);
  return parts.join("/");
};
