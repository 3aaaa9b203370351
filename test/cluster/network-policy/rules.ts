import type { ListedObject } from "../watched-list.ts";

export interface PolicyPod extends ListedObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly containers: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: { readonly podIP?: string; readonly phase?: string };
}

interface Selector {
  readonly matchLabels?: { readonly [key: string]: string };
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface PolicyPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

interface PolicyRule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly PolicyPort[];
}

export interface Policy extends ListedObject {
  readonly spec: {
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly PolicyRule[];
    readonly egress?: readonly PolicyRule[];
  };
}

export interface PolicyState {
  readonly pods: readonly PolicyPod[];
  readonly namespaces: readonly ListedObject[];
  readonly policies: readonly Policy[];
}

type Labels = { readonly [key: string]: string };
type Direction = "Ingress" | "Egress";
interface Addressed extends PolicyPod {
  readonly address: string;
}

const table = "portolan_policy";

/**
 * What nftables is to do on one node for the state of the cluster: replaces the table in one transaction. Traffic between
 * a pod and its own node's processes is never refused, as the kubelet's probes need it. IPv4 only.
 */
export const toRules = (state: PolicyState, node: string): string => {
  const chains = state.pods
    .filter((pod) => pod.spec.nodeName === node)
    .flatMap((pod) => addressed(pod))
    .flatMap((pod) => [chainOf(state, pod, "Egress"), chainOf(state, pod, "Ingress")])
    .filter((chain) => chain !== undefined);
  return [
    `table inet ${table} {}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...chains.flatMap(({ name, lines }) => [
      `  chain ${name} {`,
      ...lines.map((line) => `    ${line}`),
      "    drop",
      "  }",
    ]),
    "  chain forward {",
    "    type filter hook forward priority -5; policy accept;",
    "    ct state established,related accept",
    // Leaving comes first: both ends must allow.
    ...chains.filter(({ side }) => side === "saddr").map(jump),
    ...chains.filter(({ side }) => side === "daddr").map(jump),
    "  }",
    "}",
    "",
  ].join("\n");
};

interface Chain {
  readonly name: string;
  readonly side: "saddr" | "daddr";
  readonly address: string;
  readonly lines: readonly string[];
}

const jump = ({ side, address, name }: Chain): string => `    ip ${side} ${address} jump ${name}`;

/** Pods that have an address of their own and still use it. */
const addressed = (pod: PolicyPod): Addressed[] => {
  const { podIP, phase } = pod.status ?? {};
  const isOver = phase === "Succeeded" || phase === "Failed";
  return podIP === undefined || pod.spec.hostNetwork === true || isOver ? [] : [{ ...pod, address: podIP }];
};

/** Undefined where no policy speaks of the pod in this direction: then everything is allowed. */
const chainOf = (state: PolicyState, pod: Addressed, direction: Direction): Chain | undefined => {
  const policies = state.policies.filter(
    (policy) =>
      policy.metadata.namespace === pod.metadata.namespace &&
      matches(policy.spec.podSelector, pod.metadata.labels) &&
      directionsOf(policy).includes(direction),
  );
  if (policies.length === 0) return undefined;
  const isIngress = direction === "Ingress";
  const lines = policies.flatMap((policy) =>
    ((isIngress ? policy.spec.ingress : policy.spec.egress) ?? []).flatMap((rule) =>
      linesOf(state, policy, rule, isIngress ? "saddr" : "daddr", isIngress ? pod : undefined),
    ),
  );
  const self = `ip saddr ${pod.address} ip daddr ${pod.address} return`;
  const name = `${isIngress ? "in" : "out"}_${pod.address.replaceAll(".", "_")}`;
  return { name, side: isIngress ? "daddr" : "saddr", address: pod.address, lines: [self, ...new Set(lines)] };
};

const directionsOf = ({ spec }: Policy): readonly string[] =>
  spec.policyTypes ?? ["Ingress", ...(spec.egress === undefined ? [] : ["Egress"])];

/** `target` is the pod that is reached, where it is known: named ports are its. */
const linesOf = (
  state: PolicyState,
  policy: Policy,
  rule: PolicyRule,
  side: "saddr" | "daddr",
  target: Addressed | undefined,
): string[] => {
  const peers = rule.from ?? rule.to ?? [];
  if (peers.length === 0) return portsOf(rule.ports, target).map((port) => `${port} return`.trim());
  return peers.flatMap((peer) => {
    if (peer.ipBlock !== undefined) {
      const { cidr, except = [] } = peer.ipBlock;
      // No pod has such an address here, and one line that nftables can't read would undo all others.
      if (cidr.includes(":")) return [];
      const but = except.length === 0 ? "" : ` ip ${side} != { ${except.join(", ")} }`;
      return portsOf(rule.ports, target).map((port) => `ip ${side} ${cidr}${but} ${port} return`);
    }
    return podsOf(state, policy, peer).flatMap((pod) =>
      portsOf(rule.ports, target ?? pod).map((port) => `ip ${side} ${pod.address} ${port} return`),
    );
  });
};

const podsOf = (state: PolicyState, policy: Policy, peer: Peer): Addressed[] => {
  const labels = new Map(state.namespaces.map(({ metadata }) => [metadata.name, metadata.labels]));
  return state.pods
    .filter(({ metadata }) => {
      const isThere =
        peer.namespaceSelector === undefined
          ? metadata.namespace === policy.metadata.namespace
          : matches(peer.namespaceSelector, labels.get(metadata.namespace ?? ""));
      return isThere && matches(peer.podSelector, metadata.labels);
    })
    .flatMap(addressed);
};

/** One condition per port; one without a word where all ports are meant; none where a name means nothing. */
const portsOf = (ports: readonly PolicyPort[] | undefined, target: Addressed | undefined): string[] => {
  if (ports === undefined || ports.length === 0) return [""];
  return ports.flatMap(({ protocol = "TCP", port, endPort }) => {
    const word = protocol.toLowerCase();
    if (port === undefined) return [`meta l4proto ${word}`];
    const number = typeof port === "number" ? port : namedPort(target, port);
    if (number === undefined) return [];
    return [`${word} dport ${number}${endPort === undefined ? "" : `-${endPort}`}`];
  });
};

const namedPort = (pod: Addressed | undefined, name: string): number | undefined =>
  pod?.spec.containers.flatMap(({ ports = [] }) => ports).find((port) => port.name === name)?.containerPort;

const matches = (selector: Selector | undefined, labels: Labels = {}): boolean =>
  Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
  (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === "Exists") return value !== undefined;
    if (operator === "DoesNotExist") return value === undefined;
    const isIn = value !== undefined && values.includes(value);
    return operator === "In" ? isIn : !isIn;
  });
