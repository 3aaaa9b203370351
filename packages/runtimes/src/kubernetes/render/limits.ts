import type { V1ResourceQuota } from "@kubernetes/client-node";
import type { Blueprint, BlueprintNode } from "@portolan/domain";
import { toLabels } from "../labels.ts";
import { sharedNames } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Space, toNamespaceName } from "../space.ts";
import { toCpu, toQuantity } from "./quantity.ts";
import type { Manifest, Rendered } from "./rendered.ts";
import { type Amounts, toJobAmounts, toLimits } from "./resources.ts";

/** A claim that is there and that the blueprint has no more: its volume is kept, and counts. */
export interface KeptClaim {
  sizeBytes: number;
}

const mebibyte = 1_048_576;
/** Room for the one pod that copies volumes: its limits (copy-pod.ts) are within these. */
const copyAmounts: Amounts = { cpuMillis: 1_000, memoryBytes: 256 * mebibyte };
/** Of a container that says nothing of itself: none of ours. */
const defaultAmounts: Amounts = { cpuMillis: 100, memoryBytes: 128 * mebibyte };

const sumOf = (amounts: readonly Amounts[]): Amounts => ({
  cpuMillis: amounts.reduce((sum, { cpuMillis }) => sum + cpuMillis, 0),
  memoryBytes: amounts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
});

const largest = (amounts: readonly Amounts[]): Amounts => ({
  cpuMillis: Math.max(0, ...amounts.map(({ cpuMillis }) => cpuMillis)),
  memoryBytes: Math.max(0, ...amounts.map(({ memoryBytes }) => memoryBytes)),
});

/** Without a limit of the pod as a whole, each of its containers counts. */
const toCountedLimits = (node: BlueprintNode, settings: KubernetesSettings): Amounts => {
  const limits = toLimits(node);
  const count = settings.features.podResources ? 1 : Math.max(1, node.processes.length);
  return { cpuMillis: limits.cpuMillis * count, memoryBytes: limits.memoryBytes * count };
};

const toMetadata = (placement: Space, name: string) => ({
  name,
  namespace: toNamespaceName(placement),
  labels: toLabels(placement),
  annotations: {},
});

/**
 * What a cluster may make of a volume that is wished smaller: the copy of it is wished as large as it became. Providers'
 * smallest are of 1 to 20 GiB.
 */
const smallestVolume = 20 * 1_024 * mebibyte;

/** Volumes that are made of snapshots of one node's, while they are copied. Kept ones may all be of one node. */
const toCopyRoom = (
  nodes: readonly BlueprintNode[],
  { snapshotClass }: KubernetesSettings,
  kept: readonly KeptClaim[],
): { count: number; sizeBytes: number } => {
  if (snapshotClass === undefined) return { count: 0, sizeBytes: 0 };
  const copied = [kept, ...nodes.map(({ volumes }) => volumes.filter(({ kind }) => kind === "data"))];
  const toSize = (sum: number, { sizeBytes }: KeptClaim): number => sum + Math.max(sizeBytes, smallestVolume);
  return {
    count: Math.max(...copied.map((volumes) => volumes.length)),
    sizeBytes: Math.max(...copied.map((volumes) => volumes.reduce(toSize, 0))),
  };
};

/**
 * What the nodes have, room for a job of each, for the copying pod, and for one node more: a node that was dropped may
 * still be on its way out when its successor comes.
 */
export const renderQuota = (
  placement: Space,
  blueprint: Pick<Blueprint, "nodes">,
  settings: KubernetesSettings,
  kept: readonly KeptClaim[],
): Rendered<V1ResourceQuota> => {
  const { nodes } = blueprint;
  const jobs = nodes.filter((node) => node.jobs.length > 0);
  const requested = nodes.map((node) => node.resources);
  const limited = nodes.map((node) => toCountedLimits(node, settings));
  const extra = [...jobs.map(toJobAmounts), copyAmounts];
  const jobLimits = jobs.map((node) => ({ ...toJobAmounts(node), cpuMillis: toLimits(node).cpuMillis }));
  const requests = sumOf([...requested, largest(requested), ...extra]);
  const limits = sumOf([...limited, largest(limited), ...jobLimits, copyAmounts]);
  const claims = [...nodes.flatMap(({ volumes }) => volumes.filter(({ kind }) => kind === "data")), ...kept];
  const copies = toCopyRoom(nodes, settings, kept);
  return {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: toMetadata(placement, sharedNames.quota),
    spec: {
      hard: {
        pods: String(nodes.length + jobs.length + 2),
        "requests.cpu": toCpu(requests.cpuMillis),
        "requests.memory": toQuantity(requests.memoryBytes),
        "limits.cpu": toCpu(limits.cpuMillis),
        "limits.memory": toQuantity(limits.memoryBytes),
        "requests.storage": toQuantity(claims.reduce((sum, { sizeBytes }) => sum + sizeBytes, copies.sizeBytes)),
        persistentvolumeclaims: String(claims.length + copies.count),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      },
    },
  };
};

/** No container above what the largest node has; the client's type calls `default` another name. */
export const renderLimitRange = (placement: Space, blueprint: Pick<Blueprint, "nodes">): Manifest => {
  const most = largest([...blueprint.nodes.map(toLimits), copyAmounts, defaultAmounts]);
  const toList = ({ cpuMillis, memoryBytes }: Amounts) => ({ cpu: toCpu(cpuMillis), memory: toQuantity(memoryBytes) });
  const object = {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: toMetadata(placement, sharedNames.limits),
    spec: {
      limits: [
        {
          type: "Container",
          max: toList(most),
          default: toList(defaultAmounts),
          defaultRequest: toList(defaultAmounts),
        },
      ],
    },
  };
  return object;
};
