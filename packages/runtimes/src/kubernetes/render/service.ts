import type { V1Service } from "@kubernetes/client-node";
import type { BlueprintPort } from "@portolan/domain";
import { annotationKeys, toLabels, toNodeSelector } from "../labels.ts";
import { toNodeObjectName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Space, toNamespaceName } from "../space.ts";
import type { Rendered } from "./rendered.ts";

/** What a Service is made of: `reserve` has no more, and must make the same as `apply` does. */
export interface ServiceNode {
  name: string;
  role: string;
  ports: readonly Pick<BlueprintPort, "name" | "exposure" | "protocol" | "number" | "bindNumber">[];
}

/** The host that a node is dialled by from inside the cluster. */
export const toServiceHost = (
  space: Pick<Space, "placementId" | "isApart">,
  node: string,
  settings: KubernetesSettings,
): string => `${toNodeObjectName(node)}.${toNamespaceName(space)}.svc.${settings.clusterDomain}`;

/** One address per node, for life. Nodes must find each other before they are ready, so it asks for no readiness. */
export const renderService = (placement: Space, node: ServiceNode): Rendered<V1Service> => {
  const objectName = toNodeObjectName(node.name);
  const exposures = Object.fromEntries(node.ports.map(({ name, exposure }) => [name, exposure]));
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: objectName,
      namespace: toNamespaceName(placement),
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
