/** What every object of the API server has, as JSON has it. */
export interface KubeMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  /** Counts changes of the wish; absent for kinds that have none. */
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: { [name: string]: string };
  annotations?: { [name: string]: string };
  finalizers?: string[];
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: KubeMeta;
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface NamespaceObject extends KubeObject {
  status?: { phase?: string; conditions?: Condition[] };
}

export interface ContainerEnd {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
  startedAt?: string;
  finishedAt?: string;
  containerID?: string;
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  started?: boolean;
  restartCount: number;
  image?: string;
  containerID?: string;
  state?: {
    waiting?: { reason?: string; message?: string };
    running?: { startedAt?: string };
    terminated?: ContainerEnd;
  };
  lastState?: { terminated?: ContainerEnd };
}

export interface ContainerObject {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  restartPolicy?: string;
  [member: string]: unknown;
}

export interface PodObject extends KubeObject {
  spec: {
    nodeName?: string;
    terminationGracePeriodSeconds?: number;
    containers: ContainerObject[];
    initContainers?: ContainerObject[];
    ephemeralContainers?: ContainerObject[];
    [member: string]: unknown;
  };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    startTime?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
    ephemeralContainerStatuses?: ContainerStatus[];
  };
}

export interface StatefulSetObject extends KubeObject {
  spec: {
    replicas?: number;
    template: { metadata?: Partial<KubeMeta>; spec: PodObject["spec"] };
    [member: string]: unknown;
  };
}

export interface ClaimObject extends KubeObject {
  spec?: {
    storageClassName?: string;
    volumeName?: string;
    resources?: { requests?: { storage?: string } };
    [member: string]: unknown;
  };
  status?: { phase?: string; capacity?: { storage?: string }; conditions?: Condition[] };
}

export interface ServiceObject extends KubeObject {
  spec?: { clusterIP?: string; ports?: { name?: string; port: number; targetPort?: number | string }[] };
}

export interface EventObject extends KubeObject {
  reason?: string;
  message?: string;
  type?: string;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  involvedObject?: { kind?: string; name?: string; uid?: string };
}

export interface ListOf<T> {
  metadata: { resourceVersion?: string; continue?: string };
  items: T[];
}

/** Whether `a` is a later version of an object than `b`. Versions are decimal numbers that grow (KEP-5504). */
export const isNewer = (a: string | undefined, b: string | undefined): boolean => {
  if (a === undefined) return false;
  if (b === undefined) return true;
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return a !== b;
  return a.length === b.length ? a > b : a.length > b.length;
};
