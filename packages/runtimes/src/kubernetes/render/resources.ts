import type { V1ResourceRequirements } from "@kubernetes/client-node";
import type { BlueprintNode } from "@portolan/domain";
import type { KubernetesSettings } from "../settings.ts";
import { toCpu, toQuantity } from "./quantity.ts";

const mebibyte = 1_048_576;
/** Of `/tmp`, in every pod. */
export const temporaryBytes = 256 * mebibyte;
/** What a machine keeps of a container's output before it is rotated away; kubelet's default is 10 MiB in five files. */
const logBytes = 64 * mebibyte;
/** A program may use idle processors up to this many times its share; a plan's share is what it gets when all want it. */
const burst = 2;
/** A job beside its node: small, and on the same machine. */
const jobResources = { cpuMillis: 100, memoryBytes: 256 * mebibyte };

export interface Amounts {
  cpuMillis: number;
  memoryBytes: number;
}

type NodeResources = Pick<BlueprintNode, "resources" | "volumes" | "processes">;

const scratchBytes = (node: Pick<BlueprintNode, "volumes">): number =>
  node.volumes.filter(({ kind }) => kind === "scratch").reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

const toEphemeral = (node: Pick<BlueprintNode, "volumes">): string =>
  toQuantity(temporaryBytes + logBytes + scratchBytes(node));

const toRequirements = (request: Amounts, limit: Amounts, ephemeral: string): V1ResourceRequirements => ({
  requests: { cpu: toCpu(request.cpuMillis), memory: toQuantity(request.memoryBytes), "ephemeral-storage": "64Mi" },
  limits: { cpu: toCpu(limit.cpuMillis), memory: toQuantity(limit.memoryBytes), "ephemeral-storage": ephemeral },
});

/** What the pod may use at most, all its containers together. */
export const toLimits = ({ resources }: Pick<BlueprintNode, "resources">): Amounts => ({
  cpuMillis: resources.cpuMillis * burst,
  memoryBytes: resources.memoryBytes,
});

/** Of the pod as a whole: what the plan says of the node, whichever of its programs uses it. */
export const toPodResources = (
  node: NodeResources,
  settings: KubernetesSettings,
): V1ResourceRequirements | undefined => {
  if (!settings.features.podResources) return undefined;
  const { cpuMillis, memoryBytes } = toLimits(node);
  return {
    requests: { cpu: toCpu(node.resources.cpuMillis), memory: toQuantity(node.resources.memoryBytes) },
    limits: { cpu: toCpu(cpuMillis), memory: toQuantity(memoryBytes) },
  };
};

/**
 * Of one of the node's containers. Requests of all make up the node's; each may use as much as the node has, because a
 * blueprint does not say which of its programs needs it, and the pod's own limit bounds them together.
 */
export const toContainerResources = (node: NodeResources): V1ResourceRequirements => {
  const count = Math.max(1, node.processes.length);
  const share = (total: number): number => Math.max(1, Math.floor(total / count));
  const { cpuMillis, memoryBytes } = node.resources;
  const wholeMebibytes = Math.max(mebibyte, Math.floor(share(memoryBytes) / mebibyte) * mebibyte);
  const request = { cpuMillis: share(cpuMillis), memoryBytes: Math.min(memoryBytes, wholeMebibytes) };
  return toRequirements(request, toLimits(node), toEphemeral(node));
};

/** Before the node's processes start, there is nobody else. */
export const toInitResources = (node: NodeResources): V1ResourceRequirements =>
  toRequirements(node.resources, toLimits(node), toEphemeral(node));

export const toJobAmounts = ({ resources }: Pick<BlueprintNode, "resources">): Amounts => ({
  cpuMillis: Math.min(resources.cpuMillis, jobResources.cpuMillis),
  memoryBytes: Math.min(resources.memoryBytes, jobResources.memoryBytes),
});

export const toJobResources = (node: NodeResources): V1ResourceRequirements => {
  const amounts = toJobAmounts(node);
  const limits = { cpuMillis: toLimits(node).cpuMillis, memoryBytes: amounts.memoryBytes };
  return toRequirements(amounts, limits, toEphemeral(node));
};
