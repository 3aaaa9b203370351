import type { Space } from "./space.ts";

const prefix = "portolan.dev";

export const labelKeys = {
  managedBy: "app.kubernetes.io/managed-by",
  tenant: `${prefix}/tenant`,
  chain: `${prefix}/chain`,
  placement: `${prefix}/placement`,
  node: `${prefix}/node`,
  role: `${prefix}/role`,
  /** What a pod is: the node itself, one of its jobs, or the pod that copies volumes. */
  component: `${prefix}/component`,
  /** `tenant`: of what stands apart, since nobody has looked at its code. */
  trust: `${prefix}/trust`,
} as const;

export const annotationKeys = {
  /** On the Namespace: the highest fence that has written. Decimal. */
  fence: `${prefix}/fence`,
  /** On the StatefulSet and its pods: hash of the blueprint node. A pod with another one than wished is replaced. */
  nodeHash: `${prefix}/node-hash`,
  /** The framework's renderer; said in observations, and no reason to restart. */
  rendererVersion: `${prefix}/renderer-version`,
  /** Of this renderer (`manifestVersion`); no reason to restart either. */
  manifestVersion: `${prefix}/manifest-version`,
  /** The node's own name, where the label's rules changed it. */
  nodeName: `${prefix}/node-name`,
  /** JSON: container's name → process's name, where they differ. */
  processes: `${prefix}/processes`,
  /** On a claim: `node/volume` as the blueprint calls them. */
  volume: `${prefix}/volume`,
  ordinal: `${prefix}/ordinal`,
  version: `${prefix}/version`,
  framework: `${prefix}/framework`,
  /** On a Service: JSON, port → exposure. */
  exposures: `${prefix}/exposures`,
  /** On a Job: its key as the blueprint calls it. */
  jobKey: `${prefix}/job-key`,
} as const;

export const managedBy = "portolan";

export type Component = "node" | "job" | "copy";

/** What is ours, of all kinds and placements. */
export const ourSelector = `${labelKeys.managedBy}=${managedBy}`;

export type Labels = { [key: string]: string };

/** A value of at most 63 letters, digits, `-`, `_`, `.`, that begins and ends with a letter or digit. */
const isLabelValue = (value: string): boolean => /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(value);

const checked = (key: string, value: string): string => {
  if (isLabelValue(value)) return value;
  throw new Error(`${key} can't be the label ${JSON.stringify(value).slice(0, 100)}`);
};

export interface LabelledNode {
  /** The node's object name (`toNodeObjectName`). */
  objectName: string;
  role?: string;
  component?: Component;
}

/** The labels of every object of ours: whose it is, and, where it is a node's, which. */
export const toLabels = (
  placement: Pick<Space, "placementId" | "chainId" | "tenantId" | "isApart">,
  node?: LabelledNode,
): Labels => ({
  [labelKeys.managedBy]: managedBy,
  [labelKeys.tenant]: checked("tenant", placement.tenantId),
  [labelKeys.chain]: checked("chain", placement.chainId),
  [labelKeys.placement]: checked("placement", placement.placementId),
  ...(node === undefined ? {} : { [labelKeys.node]: checked("node", node.objectName) }),
  ...(node?.role === undefined ? {} : { [labelKeys.role]: checked("role", node.role) }),
  ...(node?.component === undefined ? {} : { [labelKeys.component]: node.component }),
  ...(placement.isApart === true ? { [labelKeys.trust]: "tenant" } : {}),
});

/** Finds the pods of a node; never changes, since a StatefulSet's selector can't. */
export const toNodeSelector = (placementId: string, objectName: string, component?: Component): Labels => ({
  [labelKeys.placement]: placementId,
  [labelKeys.node]: objectName,
  ...(component === undefined ? {} : { [labelKeys.component]: component }),
});
