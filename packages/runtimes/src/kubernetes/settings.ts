import { DomainError } from "@portolan/domain";
import { z } from "zod";

const name = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/);
const labels = z.record(z.string().min(1).max(317), z.string().max(63));
const cidr = z.union([z.cidrv4(), z.cidrv6()]);

/** Where packets come from or go to: pods by their labels, or addresses. */
const peer = z.union([
  z.strictObject({
    /** Labels of the namespace; `kubernetes.io/metadata.name` is set by Kubernetes itself. */
    namespace: labels,
    /** Labels of the pods in it; absent: all of them. */
    pod: labels.optional(),
  }),
  z.strictObject({ cidr, except: z.array(cidr).max(50).optional() }),
]);

export type NetworkPeer = z.output<typeof peer>;

const peers = z.array(peer).max(50);

const image = z.strictObject({
  /** As a blueprint names it, tag and all. */
  match: z.string().min(1).max(255),
  /** What is pulled instead; with a digest it can't change behind our back. */
  use: z.string().regex(/^[a-z0-9][\w./:@-]{0,499}$/),
});

const toleration = z.strictObject({
  key: z.string().max(317).optional(),
  operator: z.enum(["Exists", "Equal"]).default("Equal"),
  value: z.string().max(63).optional(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]).optional(),
});

/** Where the entry's program takes TLS. */
export const entryPort = 8_443;

/** Numbers of the region's entry. */
export interface PortRange {
  first: number;
  count: number;
}

export const isWithin = ({ first, count }: PortRange, port: number): boolean => port >= first && port < first + count;

export const toNumbers = ({ first, count }: PortRange): number[] =>
  Array.from({ length: count }, (_, at) => first + at);

const entry = z
  .strictObject({
    /** Names below it are the region's to give: `*.paris.example.org` is led to the entry's service. */
    domain: z
      .string()
      .max(180)
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/, "must be a domain's name"),
    service: z.enum(["LoadBalancer", "NodePort"]).default("LoadBalancer"),
    /** What callers dial; with `NodePort` the port of every machine. */
    port: z.int().min(1).max(65_535).default(443),
    /**
     * Numbers that callers dial for ports whose protocol says no name (peers of a chain among themselves): one for each
     * port that is shown. Absent: such ports are not shown. With `NodePort` of the machines' ports.
     */
    ports: z
      .strictObject({ first: z.int().min(1_024).max(65_535), count: z.int().min(1).max(200) })
      .refine(({ first, count }) => first + count - 1 <= 65_535, { error: "must end at 65535 or before" })
      .optional(),
    /** Of the service, for the cloud that makes its load balancer. */
    annotations: z.record(z.string().min(1).max(317), z.string().max(2_000)).default({}),
    /** A connection on which nothing moves for so long is ended. */
    idleSeconds: z.int().min(10).max(86_400).default(1_800),
    /** Where it stands; absent: where the installation has what is no chain's own. */
    namespace: name.optional(),
  })
  .refine(({ service, port }) => service !== "NodePort" || port >= 1_024, {
    error: "with NodePort must be one of the machines' ports (30000 to 32767, unless the cluster says otherwise)",
    path: ["port"],
  })
  .refine(({ port, ports }) => ports === undefined || ![port, entryPort].some((one) => isWithin(ports, one)), {
    error: `must not have the entry's own port in it, nor ${entryPort}, where its program listens`,
    path: ["ports"],
  });

export type EntrySettings = z.output<typeof entry>;

/**
 * How a region's nodes are laid into a cluster. A region's operator writes it as JSON beside the kubeconfig when the
 * region is added; everything has a default but the peers, without which nobody reaches a node.
 */
export const kubernetesSettings = z.strictObject({
  /** Of data volumes; absent: the cluster's default class. */
  storageClass: name.optional(),
  /** A VolumeSnapshotClass of the cluster's: backups are copied from snapshots. Absent: from the volumes themselves. */
  snapshotClass: name.optional(),
  clusterDomain: name.default("cluster.local"),
  /**
   * What the gateway and the worker dial: the Service's name (they stand in the cluster), or its address (they stand
   * beside it, with a route to its service network).
   */
  reach: z.enum(["dns", "address"]).default("dns"),
  images: z.array(image).max(500).default([]),
  /** Put in place of every image's registry that `images` does not name: `mirror.example:5000/hub`. */
  mirror: z
    .string()
    .regex(/^[a-z0-9][\w./:-]{0,254}$/)
    .optional(),
  /** A `kubernetes.io/dockerconfigjson` Secret of the operator's in the cluster; it is copied to each placement. */
  pullSecret: z.strictObject({ namespace: name, name }).optional(),
  /** Where the gateway's and the worker's packets come from. */
  gateway: peers.default([]),
  worker: peers.default([]),
  /** Other regions, by slug, as nodes here see them: where their nodes' packets come from. */
  regions: z.record(z.string().max(100), peers).default({}),
  /** The one way in for callers from outside; absent: there is none. */
  entry: entry.optional(),
  /** Whom nodes ask for names. */
  dns: peers.min(1).default([{ namespace: { "kubernetes.io/metadata.name": "kube-system" } }]),
  /** The Pod Security level of placements' namespaces. Everything that is rendered keeps to `restricted`. */
  podSecurity: z.enum(["restricted", "baseline", "privileged"]).default("restricted"),
  /** Whether images of tenants' own may run here, each placement's in a namespace beside its own. */
  tenantCode: z.boolean().default(true),
  spread: z
    .strictObject({
      topologyKey: z.string().min(1).max(317).default("kubernetes.io/hostname"),
      /** Rather no pod than two of a group on one machine. */
      isRequired: z.boolean().default(false),
    })
    .prefault({}),
  nodeSelector: labels.default({}),
  tolerations: z.array(toleration).max(20).default([]),
  /** What the cluster can do; `regions check` finds it out. */
  features: z
    .strictObject({
      /** Resources of a pod as a whole (1.34). Without, each container of a node may use what the node has. */
      podResources: z.boolean().default(true),
      /** A container's own stop signal (alpha in 1.33). Without, all get that of their image, in general SIGTERM. */
      stopSignal: z.boolean().default(false),
    })
    .prefault({}),
});

export type KubernetesSettings = z.output<typeof kubernetesSettings>;
export type KubernetesSettingsInput = z.input<typeof kubernetesSettings>;

/** The settings of a region, from its JSON. Throws a sentence that says where it is wrong. */
export const parseKubernetesSettings = (value: unknown): KubernetesSettings => {
  const parsed = kubernetesSettings.safeParse(value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  throw new DomainError({
    code: "runtime.failed",
    message: `The settings of the region's cluster can't be used. ${places.slice(0, 5).join("; ")}`,
    hint: "Mend the region's settings; docs/kubernetes-manifests.md lists them.",
  });
};
