import type { V1Job, V1PersistentVolumeClaim, V1PodSpec, V1StatefulSet, V1Volume } from "@kubernetes/client-node";
import type { Blueprint, BlueprintNode, JobSpec } from "@portolan/domain";
import { hasDigest } from "../images.ts";
import { annotationKeys, toLabels, toNodeSelector } from "../labels.ts";
import {
  sharedNames,
  shortHash,
  toClaimName,
  toContainerName,
  toJobName,
  toNodeObjectName,
  toSecretName,
  toVolumeName,
} from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Space, toNamespaceName } from "../space.ts";
import {
  type ContainerInput,
  renderContainers,
  renderProgram,
  temporaryVolume,
  toGraceSeconds,
  toInitName,
} from "./containers.ts";
import { toFactsAnnotation } from "./facts.ts";
import { type EnvOwner, type RenderedFiles, renderFiles } from "./files.ts";
import { toQuantity, toSeconds } from "./quantity.ts";
import { toRefusal } from "./refusal.ts";
import type { Rendered, RenderedJob, RenderedNode } from "./rendered.ts";
import { temporaryBytes, toJobResources, toPodResources } from "./resources.ts";
import { podSecurity } from "./security.ts";
import { renderService } from "./service.ts";
import { toSpreadConstraints, toSpreadLabels } from "./spread.ts";

/** Of this renderer. Raised with its output; says which one made an object, and restarts nothing. */
export const manifestVersion = 1;

/** A job's time begins before its pod is on a machine and has its image. */
const jobStartSeconds = 120;
/** A job is idempotent up to its success; what fails more often than this is said to have failed. */
const jobRetries = 2;

export interface NodeInput {
  placement: Space;
  blueprint: Pick<Blueprint, "framework" | "rendererVersion" | "spread">;
  node: BlueprintNode;
  nodeHash: string;
  settings: KubernetesSettings;
}

interface Parts extends NodeInput {
  objectName: string;
  files: RenderedFiles;
  containers: ContainerInput;
}

const toMetadata = (input: NodeInput, name: string, annotations: { [key: string]: string } = {}) => ({
  name,
  namespace: toNamespaceName(input.placement),
  labels: toLabels(input.placement, { objectName: toNodeObjectName(input.node.name), role: input.node.role }),
  annotations: { [annotationKeys.nodeName]: input.node.name, ...annotations },
});

/** Data outlives its node: claims are objects of their own, and nothing that goes takes them with it. */
const renderClaims = (input: NodeInput): Rendered<V1PersistentVolumeClaim>[] =>
  input.node.volumes
    .filter(({ kind }) => kind === "data")
    .map(({ name, sizeBytes }) => ({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: toMetadata(input, toClaimName(input.node.name, name), {
        [annotationKeys.volume]: `${input.node.name}/${name}`,
      }),
      spec: {
        accessModes: ["ReadWriteOnce"],
        volumeMode: "Filesystem",
        ...(input.settings.storageClass === undefined ? {} : { storageClassName: input.settings.storageClass }),
        resources: { requests: { storage: toQuantity(sizeBytes) } },
      },
    }));

const toVolumes = ({ node, files }: Parts): V1Volume[] => [
  ...(files.volume === undefined ? [] : [files.volume]),
  ...node.volumes.map(
    ({ name, kind, sizeBytes }): V1Volume =>
      kind === "data"
        ? { name: toVolumeName(name), persistentVolumeClaim: { claimName: toClaimName(node.name, name) } }
        : { name: toVolumeName(name), emptyDir: { sizeLimit: toQuantity(sizeBytes) } },
  ),
  { name: temporaryVolume, emptyDir: { sizeLimit: toQuantity(temporaryBytes) } },
];

/** What the node's own pod and those of its jobs have in common. */
const toPodBasis = (parts: Parts): Omit<V1PodSpec, "containers"> => {
  const { node, settings } = parts;
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: podSecurity(node.userId),
    // Hosts are whole names: they need none of the endings that would be tried before.
    dnsConfig: { options: [{ name: "ndots", value: "2" }] },
    ...(settings.features.stopSignal ? { os: { name: "linux" } } : {}),
    // The operator's credentials are not there where tenants' code stands: those of the chain's app are.
    ...(settings.pullSecret === undefined && node.isTenantCode !== true
      ? {}
      : { imagePullSecrets: [{ name: sharedNames.pullSecret }] }),
    ...(Object.keys(settings.nodeSelector).length === 0 ? {} : { nodeSelector: settings.nodeSelector }),
    ...(settings.tolerations.length === 0
      ? {}
      : { tolerations: settings.tolerations.map((one) => ({ ...one })) as NonNullable<V1PodSpec["tolerations"]> }),
    volumes: toVolumes(parts),
  };
};

const renderStatefulSet = (parts: Parts): Rendered<V1StatefulSet> => {
  const { placement, blueprint, node, nodeHash, settings, objectName } = parts;
  const { initContainers, containers, facts } = renderContainers(parts.containers);
  const resources = toPodResources(node, settings);
  const constraints = toSpreadConstraints(placement, blueprint.spread, node.name, settings);
  const annotations = {
    [annotationKeys.nodeHash]: nodeHash,
    [annotationKeys.framework]: blueprint.framework,
    [annotationKeys.rendererVersion]: String(blueprint.rendererVersion),
    [annotationKeys.manifestVersion]: String(manifestVersion),
    [annotationKeys.version]: node.version,
    [annotationKeys.ordinal]: String(node.ordinal),
  };
  const labels = toLabels(placement, { objectName, role: node.role, component: "node" });
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: toMetadata(parts, objectName, annotations),
    spec: {
      replicas: 1,
      serviceName: objectName,
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "OnDelete" },
      revisionHistoryLimit: 1,
      selector: { matchLabels: toNodeSelector(placement.placementId, objectName, "node") },
      template: {
        metadata: {
          labels: { ...labels, ...toSpreadLabels(blueprint.spread, node.name) },
          annotations: { [annotationKeys.nodeName]: node.name, ...annotations, ...toFactsAnnotation(facts) },
        },
        spec: {
          ...toPodBasis(parts),
          terminationGracePeriodSeconds: toGraceSeconds(node.processes),
          ...(constraints.length === 0 ? {} : { topologySpreadConstraints: constraints }),
          ...(resources === undefined ? {} : { resources }),
          ...(initContainers.length === 0 ? {} : { initContainers }),
          containers,
        },
      },
    },
  };
};

/** Owner of a job's secret environment: several jobs may have one name. */
const toJobOwner = (job: JobSpec): string => `job-${shortHash(job.key)}`;

/** A pod of its own on the node's machine, where the node's volumes are; started once the node is up. */
const renderJob = (parts: Parts, job: JobSpec): RenderedJob => {
  const { placement, node, objectName } = parts;
  const container = toContainerName(job.name);
  const labels = toLabels(placement, { objectName, role: node.role, component: "job" });
  const facts = { [container]: { process: job.name, kind: "job" as const, timeoutMs: job.timeoutMs } };
  const rendered: Rendered<V1Job> = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: toMetadata(parts, toJobName(node.name, job.key), { [annotationKeys.jobKey]: job.key }),
    spec: {
      backoffLimit: jobRetries,
      activeDeadlineSeconds: toSeconds(job.timeoutMs) + jobStartSeconds,
      template: {
        metadata: {
          labels,
          annotations: { [annotationKeys.nodeName]: node.name, ...toFactsAnnotation(facts) },
        },
        spec: {
          ...toPodBasis(parts),
          restartPolicy: "Never",
          affinity: {
            podAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  topologyKey: "kubernetes.io/hostname",
                  labelSelector: { matchLabels: toNodeSelector(placement.placementId, objectName, "node") },
                },
              ],
            },
          },
          containers: [
            { ...renderProgram(parts.containers, container, job, toJobOwner(job)), resources: toJobResources(node) },
          ],
        },
      },
    },
  };
  return { key: job.key, job: rendered };
};

const toOwners = (node: BlueprintNode): EnvOwner[] => [
  ...node.init.map(({ name, env }) => ({ container: toInitName(name), env })),
  ...node.processes.map(({ name, env }) => ({ container: toContainerName(name), env })),
  ...node.jobs.map((job) => ({ container: toJobOwner(job), env: job.env })),
];

/** What nobody has looked at is what it says it is, and keeps nothing: there is no copy of its data, and none to restore. */
const checkTenantCode = (node: BlueprintNode): void => {
  if (node.isTenantCode !== true) return;
  if (node.volumes.some(({ kind }) => kind === "data"))
    throw toRefusal(`The node ${node.name} runs a tenant's own code and can't have data volumes.`);
  const programs = [...node.init, ...node.processes, ...node.jobs];
  if (!programs.every(({ program }) => hasDigest(program.image)))
    throw toRefusal(
      `An image of the node ${node.name} is named without its digest.`,
      undefined,
      "A tenant's own image is named by digest: registry/name@sha256:….",
    );
};

/** One node of a blueprint as objects. Pure. */
export const renderNode = (input: NodeInput): RenderedNode => {
  const { placement, blueprint, node, nodeHash, settings } = input;
  if (node.processes.length === 0) throw toRefusal(`The node ${node.name} has nothing to run.`);
  checkTenantCode(node);
  const objectName = toNodeObjectName(node.name);
  const files = renderFiles(placement, node, toOwners(node));
  const secretName = files.secret?.metadata.name ?? toSecretName(node.name, "none");
  const parts: Parts = { ...input, objectName, files, containers: { node, settings, secretName } };
  return {
    name: node.name,
    objectName,
    nodeHash,
    rendererVersion: blueprint.rendererVersion,
    startAfter: node.startAfter,
    service: renderService(placement, node),
    ...(files.files === undefined ? {} : { files: files.files }),
    ...(files.secret === undefined ? {} : { secret: files.secret }),
    claims: renderClaims(input),
    statefulSet: renderStatefulSet(parts),
    jobs: node.jobs.map((job) => renderJob(parts, job)),
    fills: files.fills,
  };
};
