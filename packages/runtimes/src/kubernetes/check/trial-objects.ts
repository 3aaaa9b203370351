import type { KubeObject } from "../client/kube-object.ts";
import { toImage } from "../images.ts";
import { dnsPorts } from "../render/network.ts";
import { containerSecurity, podSecurity } from "../render/security.ts";
import type { KubernetesSettings, NetworkPeer } from "../settings.ts";
import { type ProbeTask, probeScript } from "./probe-script.ts";

/** On everything that a trial makes, so that what a killed one left is found. Not the label of chains: no inventory has it. */
export const trialLabel = "portolan.dev/trial";

/** Reached by the other pod and by whoever the settings let in. */
export const openPort = 8080;
/** No policy lets anybody in there. */
export const closedPort = 8081;

type Role = "one" | "two";

const toPeer = (peer: NetworkPeer): object =>
  "cidr" in peer
    ? { ipBlock: { cidr: peer.cidr, ...(peer.except === undefined ? {} : { except: peer.except }) } }
    : {
        namespaceSelector: { matchLabels: peer.namespace },
        ...(peer.pod === undefined ? {} : { podSelector: { matchLabels: peer.pod } }),
      };

export const trialNamespace = (name: string, level: KubernetesSettings["podSecurity"]): KubeObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name,
    labels: { [trialLabel]: "true", "pod-security.kubernetes.io/enforce": level },
  },
});

const labels = (role: Role) => ({ [trialLabel]: role });

export const trialService = (namespace: string, role: Role): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: role, namespace },
    spec: {
      selector: labels(role),
      publishNotReadyAddresses: true,
      ports: [openPort, closedPort].map((port) => ({ name: `p${port}`, port, targetPort: port })),
    },
  }) as KubeObject;

/**
 * As of a chain's namespace: nothing passes but names and what is said. Pod two may reach one's open port; both ports
 * are open to it by its own side, so that the closed one is kept shut by the side that is called. One may call nobody.
 */
export const trialPolicies = (
  namespace: string,
  settings: Pick<KubernetesSettings, "dns" | "gateway" | "worker">,
): KubeObject[] => {
  const policy = (name: string, spec: object): KubeObject =>
    ({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace }, spec }) as KubeObject;
  const types = ["Ingress", "Egress"];
  const tcp = (...ports: number[]) => ports.map((port) => ({ protocol: "TCP", port }));
  const outside = [...settings.gateway, ...settings.worker].map(toPeer);
  return [
    policy("default-deny", {
      podSelector: {},
      policyTypes: types,
      ingress: [],
      egress: [{ to: settings.dns.map(toPeer), ports: dnsPorts }],
    }),
    policy("one", {
      podSelector: { matchLabels: labels("one") },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: { matchLabels: labels("two") } }, ...outside], ports: tcp(openPort) }],
    }),
    policy("two", {
      podSelector: { matchLabels: labels("two") },
      policyTypes: types,
      // Anybody of the namespace may call two: what keeps one from it is one's own side.
      ingress: [{ from: [{ podSelector: {} }], ports: tcp(openPort) }],
      egress: [{ to: [{ podSelector: { matchLabels: labels("one") } }], ports: tcp(openPort, closedPort) }],
    }),
  ];
};

export const trialClaim = (namespace: string, { storageClass }: Pick<KubernetesSettings, "storageClass">): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
      resources: { requests: { storage: "16Mi" } },
    },
  }) as KubeObject;

export interface TrialPod {
  namespace: string;
  role: Role;
  /** Name → address to dial, and whether it should be reached. */
  dials: { readonly [name: string]: { host: string; port: number; shouldConnect: boolean } };
  nameToAsk?: string;
  hasVolume: boolean;
  patienceMs: number;
}

const entriesOf = <T>(dials: TrialPod["dials"], pick: (dial: TrialPod["dials"][string]) => T): { [name: string]: T } =>
  Object.fromEntries(Object.entries(dials).map(([name, dial]) => [name, pick(dial)]));

export const trialPod = (pod: TrialPod, settings: KubernetesSettings, toolsImage: string): KubeObject => {
  const task: ProbeTask = {
    targets: entriesOf(pod.dials, ({ host, port }) => [host, port] as const),
    wanted: entriesOf(pod.dials, ({ shouldConnect }) => shouldConnect),
    patienceMs: pod.patienceMs,
    ...(pod.nameToAsk === undefined ? {} : { nameToAsk: pod.nameToAsk }),
    ...(pod.hasVolume ? { volume: "/data" } : {}),
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: pod.role, namespace: pod.namespace, labels: labels(pod.role) },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // As chains' pods have it: their names are whole, and not tried with every ending first.
      dnsConfig: { options: [{ name: "ndots", value: "2" }] },
      terminationGracePeriodSeconds: 1,
      securityContext: podSecurity(10_001),
      nodeSelector: settings.nodeSelector,
      tolerations: settings.tolerations,
      // On two machines where there are two, so that what is between them is tried.
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 100,
              podAffinityTerm: {
                topologyKey: "kubernetes.io/hostname",
                labelSelector: { matchExpressions: [{ key: trialLabel, operator: "Exists" }] },
              },
            },
          ],
        },
      },
      ...(settings.pullSecret === undefined ? {} : { imagePullSecrets: [{ name: "pull" }] }),
      containers: [
        {
          name: "trial",
          image: toImage(toolsImage, settings),
          command: ["node", "-e", probeScript, JSON.stringify(task)],
          securityContext: containerSecurity(),
          resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { cpu: "500m", memory: "96Mi" } },
          ...(pod.hasVolume ? { volumeMounts: [{ name: "data", mountPath: "/data" }] } : {}),
        },
      ],
      ...(pod.hasVolume ? { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] } : {}),
    },
  } as KubeObject;
};

/** Refused wherever Pod Security looks at namespaces' labels. */
export const privilegedPod = (namespace: string): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "privileged", namespace },
    spec: {
      hostNetwork: true,
      containers: [{ name: "trial", image: "scratch", securityContext: { privileged: true } }],
    },
  }) as KubeObject;
