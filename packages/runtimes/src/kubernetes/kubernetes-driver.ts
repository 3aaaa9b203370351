import { resolve } from "node:path";
import type { JsonObject } from "@portolan/domain";
import type { FlagValues, RuntimeDriver } from "../driver.ts";
import { type ClusterRegion, clusterRegion } from "./cluster-region.ts";

const text = (values: FlagValues, name: string): string | undefined => {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
};
const texts = (values: FlagValues, name: string): readonly string[] => {
  const value = values[name];
  return Array.isArray(value) ? value : [];
};

/** `FROM=TO`: the first `=`, since a digest has none. */
const toPair = (pair: string): { match: string; use: string } => {
  const at = pair.indexOf("=");
  return { match: pair.slice(0, at === -1 ? undefined : at), use: at === -1 ? "" : pair.slice(at + 1) };
};

const toPeers = (values: FlagValues): JsonObject[] => [
  ...texts(values, "from").map((cidr) => ({ cidr })),
  ...texts(values, "fromNamespace").map((name) => ({ namespace: { "kubernetes.io/metadata.name": name } })),
];

/** `FIRST-LAST`; what is none is refused as such. */
const toRange = (text: string): JsonObject | string => {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  return first === undefined || last === undefined
    ? text
    : { first: Number(first), count: Number(last) - Number(first) + 1 };
};

const toEntry = (values: FlagValues): JsonObject | undefined => {
  const port = text(values, "entryPort");
  const range = text(values, "entryPorts");
  const entry = onlySet({
    domain: text(values, "entryDomain"),
    service: text(values, "entryService"),
    // What is no number is refused as such.
    port: port === undefined ? undefined : /^\d{1,5}$/.test(port) ? Number(port) : port,
    ports: range === undefined ? undefined : toRange(range),
  });
  // Without a domain the others are refused, rather than left out in silence.
  return Object.keys(entry).length === 0 ? undefined : entry;
};

const onlySet = (object: { [name: string]: JsonObject[string] | undefined }): JsonObject =>
  Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, JsonObject[string]] => entry[1] !== undefined),
  );

const fromFlags = (values: FlagValues): JsonObject | undefined => {
  const kubeconfig = text(values, "kubeconfig");
  if (kubeconfig === undefined && values["inCluster"] !== true) return undefined;
  const peers = toPeers(values);
  const images = texts(values, "image").map(toPair);
  const [namespace, name] = (text(values, "pullSecret") ?? "").split("/");
  return onlySet({
    kubeconfig: kubeconfig === undefined ? undefined : resolve(kubeconfig),
    context: text(values, "context"),
    inCluster: values["inCluster"] === true ? true : undefined,
    storageClass: text(values, "storageClass"),
    snapshotClass: text(values, "snapshotClass"),
    reach: text(values, "reach"),
    clusterDomain: text(values, "clusterDomain"),
    mirror: text(values, "mirror"),
    toolsImage: text(values, "toolsImage"),
    homeNamespace: text(values, "homeNamespace"),
    images: images.length === 0 ? undefined : images,
    gateway: peers.length === 0 ? undefined : peers,
    worker: peers.length === 0 ? undefined : peers,
    pullSecret: text(values, "pullSecret") === undefined ? undefined : { namespace: namespace ?? "", name: name ?? "" },
    entry: toEntry(values),
    features: values["podResources"] === false ? { podResources: false } : undefined,
    tenantCode: values["tenantCode"] === false ? false : undefined,
  });
};

/** Pods of a cluster. */
export const kubernetesDriver: RuntimeDriver<ClusterRegion> = {
  settings: clusterRegion,
  flags: [
    { flag: "--kubeconfig <file>", description: "a Kubernetes cluster, by a kubeconfig file" },
    { flag: "--context <name>", description: "of the kubeconfig; default: its current one" },
    { flag: "--in-cluster", description: "the cluster that the worker is a pod of" },
    { flag: "--storage-class <name>", description: "of chains' volumes; default: the cluster's default class" },
    { flag: "--snapshot-class <name>", description: "copy backups from volume snapshots of this class" },
    {
      flag: "--reach <how>",
      description:
        "dns: gateway and worker stand in the cluster (default); address: beside it, with a route to its services",
    },
    { flag: "--from <cidr...>", description: "where gateway's and worker's packets come from" },
    { flag: "--from-namespace <name...>", description: "the namespace in which gateway and worker are pods" },
    { flag: "--cluster-domain <name>", description: "default cluster.local" },
    { flag: "--mirror <registry>", description: "in place of every image's registry" },
    { flag: "--image <FROM=TO...>", description: "another image in the place of one, by digest best" },
    {
      flag: "--pull-secret <namespace/name>",
      description: "a dockerconfigjson secret of the cluster for its registries",
    },
    { flag: "--tools-image <image>", description: "with Node, for pods that copy volumes and for checks" },
    { flag: "--home-namespace <name>", description: "for what is no chain's own; default portolan" },
    { flag: "--entry-domain <name>", description: "let callers from outside in to nodes, by names below this one" },
    { flag: "--entry-service <type>", description: "LoadBalancer (default) or NodePort" },
    { flag: "--entry-port <number>", description: "that they dial; default 443" },
    { flag: "--entry-ports <first-last>", description: "one each for ports without TLS; default none" },
    { flag: "--no-pod-resources", description: "for clusters before 1.34" },
    { flag: "--no-tenant-code", description: "no images of tenants' own" },
  ],
  fromFlags,
  load: async () => (await import("./loaded-driver.ts")).loadedDriver,
};
