import type { V1Namespace } from "@kubernetes/client-node";
import type { PlacementRef } from "../../runtime.ts";
import { toLabels } from "../labels.ts";
import { toNamespaceName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { Rendered } from "./rendered.ts";

/** A placement's namespace. The fence is the driver's to write. */
export const renderNamespace = (placement: PlacementRef, settings: KubernetesSettings): Rendered<V1Namespace> => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: toNamespaceName(placement.placementId),
    labels: {
      ...toLabels(placement),
      "pod-security.kubernetes.io/enforce": settings.podSecurity,
      "pod-security.kubernetes.io/audit": "restricted",
      "pod-security.kubernetes.io/warn": "restricted",
    },
    annotations: {},
  },
});
