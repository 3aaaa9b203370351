import type { V1Service } from "@kubernetes/client-node";
import type { BlueprintPort } from "@portolan/domain";
import type { PlacementRef } from "../../runtime.ts";
import { annotationKeys, toLabels, toNodeSelector } from "../labels.ts";
import { toNamespaceName, toNodeObjectName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { Rendered } from "./rendered.ts";

/** What a Service is made of: `reserve` has no more, and must make the same as `apply` does. */
export interface ServiceNode {
  name: string;
  role: string;
  ports: readonly Pick<BlueprintPort, "name" | "exposure" | "protocol" | "number" | "bindNumber">[];
}

/** The host that a node is dialled by from inside the cluster. */
export const toServiceHost = (placementId: string, node: string, settings: KubernetesSettings): string =>
  `${toNodeObjectName(node)}.${toNamespaceName(placementId)}.svc.${settings.clusterDomain}`;

/** One address per node, for life. Nodes must find each other before they are ready, so it asks for no readiness. */
export const renderService = (placement: PlacementRef, node: ServiceNode): Rendered<V1Service> => {
  const objectName = toNodeObjectName(node.name);
  const exposures = Object.fromEntries(node.ports.map(({ name, exposure }) => [name, exposure]));
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: objectName,
      namespace: toNamespaceName(placement.placementId),
      labels: toLabels(placement, { objectName, role: node.role }),
      annotations: { [annotationKeys.nodeName]: node.name, [annotationKeys.exposures]: JSON.stringify(exposures) },
    },
    spec: {
      type: "ClusterIP",
      publishNotReadyAddresses: true,
      selector: toNodeSelector(placement.placementId, objectName, "node"),
      ports: node.ports.map(({ name, protocol, number, bindNumber }) => ({
        name,
        appProtocol: protocol,
        protocol: "TCP",
        port: number,
        targetPort: bindNumber,
      })),
    },
  };
};
