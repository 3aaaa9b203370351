import type { Blueprint, BlueprintNode, OutsideAddress } from "@portolan/domain";
import type { PlacementRef } from "../../runtime.ts";
import { annotationKeys, toLabels, toNodeSelector } from "../labels.ts";
import { toNodeObjectName } from "../names.ts";
import type { Manifest } from "../render/rendered.ts";
import type { KubernetesSettings } from "../settings.ts";
import { entryLabels, entryNamespaceOf, toEgressName, toOutsidePolicyName } from "./names.ts";
import { keyOf, type Route } from "./program/routes.ts";

/** A port of a node that is shown outside. */
interface Shown {
  node: BlueprintNode;
  /** The pod's own: a policy judges a packet once the service's address and port are gone from it. */
  podPort: number;
  servicePort: number;
  outside: OutsideAddress;
}

const toShown = ({ nodes }: Pick<Blueprint, "nodes">): Shown[] =>
  nodes.flatMap((node) =>
    node.ports.flatMap(({ outside, bindNumber, number }) =>
      outside === undefined ? [] : [{ node, podPort: bindNumber, servicePort: number, outside }],
    ),
  );

const tcp = (port: number) => ({ protocol: "TCP", port }) as const;

/** `namespace`: the placement's. Lets the entry's pods to just the ports that are shown, beside all else that a node's own policy lets in. */
export const renderOutsidePolicies = (
  placement: PlacementRef,
  namespace: string,
  blueprint: Pick<Blueprint, "nodes">,
  settings: KubernetesSettings,
): Manifest[] => {
  if (settings.entry === undefined) return [];
  const shown = toShown(blueprint);
  const from = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": entryNamespaceOf(settings) } },
    podSelector: { matchLabels: entryLabels },
  };
  return blueprint.nodes.flatMap((node) => {
    const ports = shown.filter((one) => one.node === node).map(({ podPort }) => tcp(podPort));
    if (ports.length === 0) return [];
    const objectName = toNodeObjectName(node.name);
    const policy = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: {
        name: toOutsidePolicyName(node.name),
        namespace,
        labels: toLabels(placement, { objectName, role: node.role }),
        annotations: { [annotationKeys.nodeName]: node.name },
      },
      spec: {
        podSelector: { matchLabels: toNodeSelector(placement.placementId, objectName) },
        policyTypes: ["Ingress"],
        ingress: [{ from: [from], ports }],
      },
    };
    return [policy];
  });
};

/** The other end of these flows, in the entry's namespace; undefined where nothing is shown. */
export const renderEntryEgress = (
  placement: PlacementRef,
  namespace: string,
  blueprint: Pick<Blueprint, "nodes">,
  settings: KubernetesSettings,
): Manifest | undefined => {
  const shown = toShown(blueprint);
  if (settings.entry === undefined || shown.length === 0) return undefined;
  const policy = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    // Not the placement's labels: it is no orphan's when the placement is gone, but the entry's to clear away.
    metadata: {
      name: toEgressName(namespace),
      namespace: entryNamespaceOf(settings),
      labels: { ...entryLabels },
      annotations: {},
    },
    spec: {
      podSelector: { matchLabels: entryLabels },
      policyTypes: ["Egress"],
      egress: shown.map(({ node, podPort }) => ({
        to: [
          {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
            podSelector: { matchLabels: toNodeSelector(placement.placementId, toNodeObjectName(node.name)) },
          },
        ],
        ports: [tcp(podPort)],
      })),
    },
  };
  return policy;
};

/**
 * Where the entry sends who asks for which name, or dials which number. `addressOf`: a node's service's own address, so
 * that the entry needs no names; a node without one has no route yet.
 */
export const toRoutes = (
  blueprint: Pick<Blueprint, "nodes">,
  addressOf: (node: string) => string | undefined,
): Route[] =>
  toShown(blueprint)
    .flatMap(({ node, servicePort, outside: { serverName, number } }) => {
      const host = addressOf(node.name);
      if (host === undefined) return [];
      const by = serverName === undefined ? { number } : { serverName };
      return [{ ...by, host, port: servicePort }];
    })
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
