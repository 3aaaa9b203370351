import { createHash } from "node:crypto";
import { canonicalJson } from "@portolan/domain";
import { toImage } from "../images.ts";
import { sharedNames } from "../names.ts";
import { containerSecurity, podSecurity } from "../render/security.ts";
import { type EntrySettings, entryPort, type KubernetesSettings, toNumbers } from "../settings.ts";
import { entryLabels, entryNames, entryNamespaceOf, shardNames } from "./names.ts";

/** An object of the entry. */
export interface EntryObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: { [key: string]: string }; annotations?: object };
  [member: string]: unknown;
}

export interface EntryInput {
  settings: KubernetesSettings & { entry: EntrySettings };
  toolsImage: string;
  /** The program's files by name. */
  files: { readonly [name: string]: string };
}

const programPath = "/portolan/program";
const routesPath = "/portolan/routes";
const userId = 1000;
const drainSeconds = 5;

/**
 * The parts of a pod's resources. A connection takes some kilobytes; one whose caller does not read what it asked for up
 * to 150 KiB, so that the limit is what all of them may take at most.
 */
const resources = {
  requests: { cpu: "50m", memory: "192Mi", "ephemeral-storage": "64Mi" },
  limits: { cpu: "1", memory: "768Mi", "ephemeral-storage": "64Mi" },
};

const toWish = ({ settings }: EntryInput) => ({
  port: entryPort,
  ...(settings.entry.ports === undefined ? {} : { ports: settings.entry.ports }),
  routes: routesPath,
  limits: {
    connections: 4_000,
    connectionsPerName: 1_000,
    helloMs: 5_000,
    connectMs: 5_000,
    idleMs: settings.entry.idleSeconds * 1_000,
  },
  drainMs: drainSeconds * 1_000,
});

const object = (input: EntryInput, apiVersion: string, kind: string, name: string, rest: object): EntryObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: entryNamespaceOf(input.settings), labels: { ...entryLabels } },
  ...rest,
});

const toPodSpec = (input: EntryInput) => {
  const { settings, toolsImage } = input;
  const probe = { tcpSocket: { port: entryPort }, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 3 };
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: drainSeconds + 10,
    nodeSelector: settings.nodeSelector,
    tolerations: settings.tolerations,
    ...(settings.pullSecret === undefined ? {} : { imagePullSecrets: [{ name: sharedNames.pullSecret }] }),
    securityContext: podSecurity(userId),
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: entryLabels } },
          },
        ],
      },
    },
    containers: [
      {
        name: "entry",
        image: toImage(toolsImage, settings),
        imagePullPolicy: "IfNotPresent",
        command: [
          "node",
          "--max-old-space-size=96",
          "--disable-warning=ExperimentalWarning",
          `${programPath}/main.ts`,
          JSON.stringify(toWish(input)),
        ],
        ports: [{ name: "entry", containerPort: entryPort, protocol: "TCP" }],
        // None of liveness: the kernel takes connections for a program that hangs, too, and one that died is started anew.
        readinessProbe: probe,
        resources,
        securityContext: containerSecurity(),
        volumeMounts: [
          { name: "program", mountPath: programPath, readOnly: true },
          { name: "routes", mountPath: routesPath, readOnly: true },
        ],
      },
    ],
    volumes: [
      { name: "program", configMap: { name: entryNames.program } },
      {
        name: "routes",
        projected: { sources: shardNames.map((name) => ({ configMap: { name, optional: true } })) },
      },
    ],
  };
};

const renderDeployment = (input: EntryInput): EntryObject => {
  const hash = createHash("sha256").update(canonicalJson(input.files)).digest("hex");
  return object(input, "apps/v1", "Deployment", entryNames.entry, {
    spec: {
      replicas: 2,
      selector: { matchLabels: entryLabels },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
      template: {
        // Another program is another pod: it reads its files once.
        metadata: { labels: { ...entryLabels }, annotations: { "portolan.dev/program": hash } },
        spec: toPodSpec(input),
      },
    },
  });
};

const renderService = (input: EntryInput): EntryObject => {
  const { service, port, ports, annotations } = input.settings.entry;
  const isMachines = service === "NodePort";
  const rendered = object(input, "v1", "Service", entryNames.entry, {
    spec: {
      type: service,
      selector: entryLabels,
      ports: [
        {
          name: "tls",
          protocol: "TCP",
          port: isMachines ? 443 : port,
          targetPort: entryPort,
          ...(isMachines ? { nodePort: port } : {}),
        },
        ...(ports === undefined ? [] : toNumbers(ports)).map((number) => ({
          ...{ name: `port-${number}`, protocol: "TCP", port: number, targetPort: number },
          ...(isMachines ? { nodePort: number } : {}),
        })),
      ],
    },
  });
  return { ...rendered, metadata: { ...rendered.metadata, annotations } };
};

/** Anybody may come in, by the entry's ports; out go only the ways that placements open. */
const renderPolicy = (input: EntryInput): EntryObject => {
  const { ports } = input.settings.entry;
  return object(input, "networking.k8s.io/v1", "NetworkPolicy", entryNames.entry, {
    spec: {
      podSelector: { matchLabels: entryLabels },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }],
          ports: [
            { protocol: "TCP", port: entryPort },
            ...(ports === undefined
              ? []
              : [{ protocol: "TCP", port: ports.first, endPort: ports.first + ports.count - 1 }]),
          ],
        },
      ],
    },
  });
};

/**
 * The one way from outside into a region: two pods that hand on TLS connections by the name that is asked for, one
 * service before them, and nothing that they may reach but what placements open to them. Routes are written beside it.
 */
export const renderEntry = (input: EntryInput): EntryObject[] => [
  object(input, "v1", "ConfigMap", entryNames.program, { data: input.files }),
  ...shardNames.map((name) => object(input, "v1", "ConfigMap", name, {})),
  renderPolicy(input),
  object(input, "policy/v1", "PodDisruptionBudget", entryNames.entry, {
    spec: { maxUnavailable: 1, selector: { matchLabels: entryLabels } },
  }),
  renderDeployment(input),
  renderService(input),
];
