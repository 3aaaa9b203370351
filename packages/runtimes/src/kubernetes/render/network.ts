import type { Blueprint, BlueprintNode, NetworkRule } from "@portolan/domain";
import { annotationKeys, toLabels, toNodeSelector } from "../labels.ts";
import { sharedNames, toNodeObjectName, toPolicyName } from "../names.ts";
import type { KubernetesSettings, NetworkPeer } from "../settings.ts";
import { nodesIn, type Space, spaceOf, toNamespaceName } from "../space.ts";
import { toRefusal } from "./refusal.ts";
import type { Manifest, RenderNote } from "./rendered.ts";

/** As it goes over the wire; the client's type calls `from` another name. */
type PolicyPeer =
  | { podSelector?: Selector; namespaceSelector?: Selector }
  | { ipBlock: { cidr: string; except?: readonly string[] } };

interface Selector {
  matchLabels?: { readonly [key: string]: string };
}

interface PolicyPort {
  protocol: "TCP" | "UDP";
  port: number;
}

export interface NetworkPolicySpec {
  podSelector: Selector;
  policyTypes: readonly ("Ingress" | "Egress")[];
  /** Absent: none is let in. An empty list would be the same, but a change at each apply. */
  ingress?: readonly { from: readonly PolicyPeer[]; ports: readonly PolicyPort[] }[];
  egress?: readonly { to: readonly PolicyPeer[]; ports: readonly PolicyPort[] }[];
}

export type NetworkPolicy = Manifest & { spec: NetworkPolicySpec };

export interface NetworkInput {
  placement: Space;
  /** The whole of it: flows go from one of a placement's namespaces to the other. */
  blueprint: Pick<Blueprint, "nodes" | "network">;
  settings: KubernetesSettings;
}

const world: readonly PolicyPeer[] = [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }];

const toPolicyPeer = (peer: NetworkPeer): PolicyPeer =>
  "cidr" in peer
    ? { ipBlock: { cidr: peer.cidr, ...(peer.except === undefined ? {} : { except: peer.except }) } }
    : {
        namespaceSelector: { matchLabels: peer.namespace },
        ...(peer.pod === undefined ? {} : { podSelector: { matchLabels: peer.pod } }),
      };

const toNodePeer = ({ placement, blueprint }: NetworkInput, name: string): PolicyPeer => {
  const node = blueprint.nodes.find((one) => one.name === name);
  const [here, there] = [placement, spaceOf(placement, node ?? {})].map(toNamespaceName);
  return {
    ...(here === there ? {} : { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": there ?? "" } } }),
    podSelector: { matchLabels: toNodeSelector(placement.placementId, toNodeObjectName(name)) },
  };
};

/** Whether a rule begins at a node of this placement. */
const nodeFrom = ({ placement, blueprint }: NetworkInput, rule: NetworkRule): string | undefined => {
  if (typeof rule.from === "string" || rule.from.region !== placement.region) return undefined;
  const { node } = rule.from;
  return blueprint.nodes.some(({ name }) => name === node) ? node : undefined;
};

const peersOf = (input: NetworkInput, rule: NetworkRule): readonly PolicyPeer[] => {
  const { settings } = input;
  if (rule.from === "world") return world;
  if (rule.from === "gateway") return settings.gateway.map(toPolicyPeer);
  if (rule.from === "worker") return settings.worker.map(toPolicyPeer);
  const own = nodeFrom(input, rule);
  if (own !== undefined) return [toNodePeer(input, own)];
  return (settings.regions[rule.from.region] ?? []).map(toPolicyPeer);
};

/** A node of this placement that has such a port. Rules to other regions' nodes are those regions' to open. */
const portOf = (input: NetworkInput, rule: NetworkRule): number | undefined => {
  const node = input.blueprint.nodes.find(({ name }) => name === rule.to.node);
  if (node === undefined) return undefined;
  const port = node.ports.find(({ name }) => name === rule.to.port);
  if (port === undefined) throw toRefusal(`The node ${node.name} has no port ${rule.to.port} that a rule speaks of.`);
  // The pod's own: a policy judges a packet once the service's address and port are gone from it.
  return port.bindNumber;
};

const toIngress = (input: NetworkInput, node: string): NonNullable<NetworkPolicySpec["ingress"]> => {
  const byPort = new Map<number, PolicyPeer[]>();
  for (const rule of input.blueprint.network) {
    if (rule.to.node !== node) continue;
    const port = portOf(input, rule);
    const peers = peersOf(input, rule);
    // No peers at all would mean everybody.
    if (port !== undefined && peers.length > 0) byPort.set(port, [...(byPort.get(port) ?? []), ...peers]);
  }
  return [...byPort].map(([port, from]) => ({ from: distinct(from), ports: [{ protocol: "TCP", port }] }));
};

const toEgress = (input: NetworkInput, node: string): NonNullable<NetworkPolicySpec["egress"]> =>
  input.blueprint.network.flatMap((rule) => {
    const port = nodeFrom(input, rule) === node ? portOf(input, rule) : undefined;
    if (port === undefined) return [];
    return [{ to: [toNodePeer(input, rule.to.node)], ports: [{ protocol: "TCP" as const, port }] }];
  });

const distinct = (peers: readonly PolicyPeer[]): PolicyPeer[] => [
  ...new Map(peers.map((peer) => [JSON.stringify(peer), peer])).values(),
];

const toPolicy = (
  placement: Space,
  name: string,
  spec: NetworkPolicySpec,
  node?: { name: string; role: string },
): NetworkPolicy => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: {
    name,
    namespace: toNamespaceName(placement),
    labels: toLabels(placement, node && { objectName: toNodeObjectName(node.name), role: node.role }),
    annotations: node === undefined ? {} : { [annotationKeys.nodeName]: node.name },
  },
  spec,
});

const policyTypes = ["Ingress", "Egress"] as const;

/** 5353: where the pods behind the service's 53 run as nobody in particular (OpenShift's do). */
export const dnsPorts: readonly PolicyPort[] = [53, 5353].flatMap((port) => [
  { protocol: "UDP", port },
  { protocol: "TCP", port },
]);

/** Nobody reaches a pod and no pod reaches anybody, but those whom it asks for names. */
const renderDenial = ({ placement, settings }: NetworkInput): NetworkPolicy =>
  toPolicy(placement, sharedNames.denial, {
    podSelector: {},
    policyTypes,
    egress: [
      {
        to: settings.dns.map(toPolicyPeer),
        ports: dnsPorts,
      },
    ],
  });

const renderFlows = (input: NetworkInput, node: BlueprintNode): NetworkPolicy => {
  const [ingress, egress] = [toIngress(input, node.name), toEgress(input, node.name)];
  const spec: NetworkPolicySpec = {
    podSelector: { matchLabels: toNodeSelector(input.placement.placementId, toNodeObjectName(node.name)) },
    policyTypes,
    ...(ingress.length === 0 ? {} : { ingress }),
    ...(egress.length === 0 ? {} : { egress }),
  };
  return toPolicy(input.placement, toPolicyName(node.name), spec, node);
};

/** The denial, then each node's own flows. */
export const renderPolicies = (input: NetworkInput): NetworkPolicy[] => [
  renderDenial(input),
  ...nodesIn(input.placement, input.blueprint.nodes).map((node) => renderFlows(input, node)),
];

/** Flows that nobody can use because the settings don't say where they come from. */
export const toPeerNotes = (input: NetworkInput): RenderNote[] => {
  const missing = new Set<string>();
  for (const rule of input.blueprint.network) {
    if (peersOf(input, rule).length > 0) continue;
    missing.add(typeof rule.from === "string" ? `the ${rule.from}` : `the region ${rule.from.region}`);
  }
  return [...missing].map((who) => ({
    reason: "peers_unknown",
    message: `Nobody but the chain's own nodes is let in where ${who} should be: the region's settings don't say where its packets come from.`,
    hint: "Set `gateway`, `worker` and `regions` in the settings of the region's cluster.",
  }));
};
