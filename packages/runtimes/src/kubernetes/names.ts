import { createHash } from "node:crypto";

/** RFC 1035 label: what a Service is called, and with it a host. */
const label = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
/** A StatefulSet's pods carry `<name>-<hash of the revision>` in a label of at most 63 characters. */
const maxNodeName = 50;
const maxLabel = 63;

/** First characters (hex) of the SHA-256: enough where all names come from one blueprint, and nobody gains by a clash. */
export const shortHash = (text: string | Uint8Array, length = 10): string =>
  createHash("sha256").update(text).digest("hex").slice(0, length);

/** The name itself where it is a label of this length, else a cut form with a hash of the whole. */
const toLabelName = (name: string, maxLength: number): string => {
  if (label.test(name) && name.length <= maxLength) return name;
  const plain = name.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
  const start = `n-${plain}`.slice(0, maxLength - 9).replace(/-+$/, "");
  return `${start}-${shortHash(name, 8)}`;
};

/** Of a node's Service and StatefulSet, and so a part of its host and its pod's name (`<name>-0`). */
export const toNodeObjectName = (node: string): string => toLabelName(node, maxNodeName);

export const toPodName = (node: string): string => `${toNodeObjectName(node)}-0`;

/** The dot keeps `a-b` + `c` and `a` + `b-c` apart: no node's object has one in its name. */
export const toClaimName = (node: string, volume: string): string =>
  `${toNodeObjectName(node)}.${toVolumeName(volume)}`;

/** Of a volume's snapshot, and of the claim for a volume made of it. No claim of a node has two dots in its name. */
export const toFrozenName = (claim: string): string => `frozen.${claim}`;

/** Inside a pod. */
export const toVolumeName = (volume: string): string => toLabelName(volume, 50);

/** Inside a pod; also what `logs` calls the process, by way of the pod's annotation where it was changed. */
export const toContainerName = (process: string): string => toLabelName(process, maxLabel);

/** Files and secrets are never changed in place: another content has another name. `hash`: of what is in it. */
export const toFilesName = (node: string, hash: string): string => `${toNodeObjectName(node)}.files-${hash}`;
export const toSecretName = (node: string, hash: string): string => `${toNodeObjectName(node)}.secret-${hash}`;

/** One per key and node, ever. */
export const toJobName = (node: string, key: string): string =>
  `${toLabelName(node, 40)}-job-${shortHash(`${node}\n${key}`)}`;

/** Of a node's own flows. */
export const toPolicyName = (node: string): string => `node.${toNodeObjectName(node)}`;

export const toBudgetName = (group: string): string => `spread.${toLabelName(group, 50)}`;

/** Key of the label that members of a spread group carry. */
export const toSpreadLabel = (group: string): string => `spread.portolan.dev/${toLabelName(group, maxLabel)}`;

/** One of each in a namespace. */
export const sharedNames = {
  quota: "portolan",
  limits: "portolan",
  /** Denies all, and lets names be asked for. */
  denial: "default-deny",
  /** Registries' credentials: the operator's, copied from where they are kept; beside them, those of the chain's app. */
  pullSecret: "portolan-pull",
} as const;
