import type { ClaimObject, KubeObject } from "../client/kube-object.ts";
import { toLabels } from "../labels.ts";
import { toFrozenName } from "../names.ts";
import { toBytes } from "../quantity.ts";
import { toQuantity } from "../render/quantity.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { Space } from "../space.ts";

/** CSI's snapshot of one volume, `snapshot.storage.k8s.io/v1`. */
export interface VolumeSnapshotObject extends KubeObject {
  spec?: { volumeSnapshotClassName?: string; source?: { persistentVolumeClaimName?: string } };
  status?: { readyToUse?: boolean; restoreSize?: string; error?: { message?: string } };
}

/** Which backup it is of: one of another is not taken for it. */
export const backupAnnotation = "portolan.dev/backup";

interface Where {
  placement: Space;
  namespace: string;
  settings: Pick<KubernetesSettings, "snapshotClass">;
}

/** What a snapshot, and the volume made of it, have in common: they are no volumes of a node. */
const toMetadata = ({ placement, namespace }: Where, name: string, backup: string) => ({
  name,
  namespace,
  labels: toLabels(placement),
  annotations: { [backupAnnotation]: backup },
});

export const renderVolumeSnapshot = (at: Where, claim: ClaimObject, backup: string): VolumeSnapshotObject => ({
  apiVersion: "snapshot.storage.k8s.io/v1",
  kind: "VolumeSnapshot",
  metadata: toMetadata(at, toFrozenName(claim.metadata.name), backup),
  spec: {
    ...(at.settings.snapshotClass === undefined ? {} : { volumeSnapshotClassName: at.settings.snapshotClass }),
    source: { persistentVolumeClaimName: claim.metadata.name },
  },
});

/** A claim for a volume with what the snapshot of `claim` has; as large as that, and of the same class. */
export const renderFrozenClaim = (
  at: Where,
  claim: ClaimObject,
  snapshot: VolumeSnapshotObject,
  backup: string,
): ClaimObject => {
  const name = toFrozenName(claim.metadata.name);
  const sizes = [
    claim.spec?.resources?.requests?.storage,
    claim.status?.capacity?.storage,
    snapshot.status?.restoreSize,
  ];
  const bytes = sizes.map((size) => toBytes(size)).reduce((most, size) => (size > most ? size : most), 0n);
  const { storageClassName } = claim.spec ?? {};
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: toMetadata(at, name, backup),
    spec: {
      accessModes: ["ReadWriteOnce"],
      volumeMode: "Filesystem",
      ...(storageClassName === undefined ? {} : { storageClassName }),
      dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name },
      resources: { requests: { storage: toQuantity(Number(bytes)) } },
    },
  };
};

/** How far a snapshot is; `failed` with the driver's words. */
export const judgeSnapshot = ({
  status,
}: Pick<VolumeSnapshotObject, "status">): { state: "ready" | "pending" } | { state: "failed"; words: string } => {
  if (status?.readyToUse === true) return { state: "ready" };
  if (status?.error === undefined) return { state: "pending" };
  return { state: "failed", words: (status.error.message ?? "").slice(0, 300) };
};
