import type { V1Namespace } from "@kubernetes/client-node";
import { toLabels } from "../labels.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Space, toNamespaceName } from "../space.ts";
import type { Rendered } from "./rendered.ts";

/** A placement's namespace, or the one beside it. The fence is the driver's to write. */
export const renderNamespace = (placement: Space, settings: KubernetesSettings): Rendered<V1Namespace> => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: toNamespaceName(placement),
    labels: {
      ...toLabels(placement),
      "pod-security.kubernetes.io/enforce": placement.isApart === true ? "restricted" : settings.podSecurity,
      "pod-security.kubernetes.io/audit": "restricted",
      "pod-security.kubernetes.io/warn": "restricted",
    },
    annotations: {},
  },
});
