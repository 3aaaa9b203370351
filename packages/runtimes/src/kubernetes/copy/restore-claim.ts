import type { ClaimObject } from "../client/kube-object.ts";
import { annotationKeys, toLabels } from "../labels.ts";
import { toClaimName, toNodeObjectName } from "../names.ts";
import { toQuantity } from "../render/quantity.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Space, toNamespaceName } from "../space.ts";
import type { ClusterManifest } from "./snapshot.ts";

const gibibyte = 1 << 30;

/** As large as it was; a copy that another runtime took does not say, and gets room to grow. */
const sizeOf = (manifest: ClusterManifest, volume: string): number => {
  const known = Number(manifest.claims?.[volume]?.sizeBytes ?? 0);
  if (known > 0) return known;
  const files = manifest.files.filter(({ path }) => path.startsWith(`${volume}/`));
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return Math.max(gibibyte, Math.ceil((bytes * 3) / gibibyte) * gibibyte);
};

/** The claim of a volume (`node/volume`) that a snapshot has and the cluster has not. */
export const renderClaim = (
  turn: { placement: Space; settings: Pick<KubernetesSettings, "storageClass"> },
  manifest: ClusterManifest,
  volume: string,
): ClaimObject => {
  const { placement, settings } = turn;
  const [node = "", name = ""] = volume.split("/");
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: toClaimName(node, name),
      namespace: toNamespaceName(placement),
      labels: toLabels(placement, { objectName: toNodeObjectName(node) }),
      annotations: { [annotationKeys.nodeName]: node, [annotationKeys.volume]: volume },
    },
    spec: {
      accessModes: ["ReadWriteOnce"],
      volumeMode: "Filesystem",
      ...(settings.storageClass === undefined ? {} : { storageClassName: settings.storageClass }),
      resources: { requests: { storage: toQuantity(sizeOf(manifest, volume)) } },
    },
  };
};
