import type {
  ClaimObject,
  NamespaceObject,
  PodObject,
  ServiceObject,
  StatefulSetObject,
} from "../client/kube-object.ts";
import { type Kind, kinds } from "../client/kube-paths.ts";
import type { KubeObjects } from "../client/objects.ts";
import { annotationKeys, labelKeys, ourSelector } from "../labels.ts";
import type { KubeCache } from "./cache.ts";
import type { PodLedger } from "./pod-ledger.ts";
import { createWatcher, type WatchedKind, type WatcherSettings } from "./watcher.ts";

/** Everything of one placement that decides what is to be done. */
export interface View {
  namespace: NamespaceObject | undefined;
  /** By the node's name. */
  sets: ReadonlyMap<string, StatefulSetObject>;
  /** The node's own pod, not its jobs'. Rarely two: one that ends and its successor; the successor is here. */
  pods: ReadonlyMap<string, PodObject>;
  /** Of jobs and copies. */
  otherPods: readonly PodObject[];
  claims: readonly ClaimObject[];
  services: ReadonlyMap<string, ServiceObject>;
}

/** Kinds whose every change matters, and is read whole. */
const wholeKinds: readonly Kind[] = [
  kinds.Namespace,
  kinds.StatefulSet,
  kinds.Pod,
  kinds.PersistentVolumeClaim,
  kinds.Service,
];
/** Kinds of which it is only known that they are there and which version they have. */
const namedKinds: readonly Kind[] = [
  kinds.ConfigMap,
  kinds.Secret,
  kinds.NetworkPolicy,
  kinds.PodDisruptionBudget,
  kinds.LimitRange,
  kinds.ResourceQuota,
];

export const watchedKinds: readonly WatchedKind[] = [
  ...wholeKinds.map((kind) => ({ kind })),
  ...namedKinds.map((kind) => ({ kind, isMetadataOnly: true })),
];

export const isWatched = (kind: Kind): boolean => watchedKinds.some((one) => one.kind.kind === kind.kind);
export const isMetadataOnly = (kind: Kind): boolean => namedKinds.some((one) => one.kind === kind.kind);

/** Older than this the cache is not believed. */
const mostAgeMs = 60_000;

/** The node that an object is of, as the blueprint calls it. */
export const nodeOf = (object: {
  metadata: { labels?: { [key: string]: string }; annotations?: { [key: string]: string } };
}): string | undefined =>
  object.metadata.annotations?.[annotationKeys.nodeName] ?? object.metadata.labels?.[labelKeys.node];

const componentOf = (pod: PodObject): string => pod.metadata.labels?.[labelKeys.component] ?? "node";

export const isNodePod = (pod: PodObject): boolean => componentOf(pod) === "node";

/** A job's that is there to stay: when its job goes, so does it. */
export const isJobPod = (pod: PodObject): boolean =>
  componentOf(pod) === "job" && pod.metadata.deletionTimestamp === undefined;

const byNode = <T extends StatefulSetObject | ServiceObject>(objects: readonly T[]): Map<string, T> =>
  new Map(
    objects.flatMap((object) => {
      const node = nodeOf(object);
      return node === undefined ? [] : [[node, object] as const];
    }),
  );

const toPods = (pods: readonly PodObject[]): Map<string, PodObject> => {
  const found = new Map<string, PodObject>();
  for (const pod of pods) {
    const node = nodeOf(pod);
    if (node === undefined || !isNodePod(pod)) continue;
    const other = found.get(node);
    if (other === undefined || other.metadata.deletionTimestamp !== undefined) found.set(node, pod);
  }
  return found;
};

export const toView = (cache: KubeCache, namespace: string): View => {
  const pods = cache.of(kinds.Pod, namespace) as PodObject[];
  return {
    namespace: cache.find(kinds.Namespace, namespace, namespace) as NamespaceObject | undefined,
    sets: byNode(cache.of(kinds.StatefulSet, namespace) as StatefulSetObject[]),
    pods: toPods(pods),
    otherPods: pods.filter((pod) => !isNodePod(pod)),
    claims: (cache.of(kinds.PersistentVolumeClaim, namespace) as ClaimObject[]).filter(
      ({ metadata }) => metadata.annotations?.[annotationKeys.volume] !== undefined,
    ),
    services: byNode(cache.of(kinds.Service, namespace) as ServiceObject[]),
  };
};

export type Viewer = ReturnType<typeof createViewer>;

/**
 * Reads placements from the cache while somebody watches and all watches are fresh; else asks the API server for that
 * one namespace.
 */
export const createViewer = (
  deps: Parameters<typeof createWatcher>[0] & { objects: KubeObjects; cache: KubeCache; ledger: PodLedger },
  settings: WatcherSettings = {},
) => {
  const { cache, objects } = deps;
  const watchers = watchedKinds.map((watched) => createWatcher(deps, watched, settings));

  /** How old the cache is at most; `undefined`: nobody watches. */
  const ageMs = (): number | undefined => {
    let oldest = 0;
    for (const watcher of watchers) {
      const age = watcher.ageMs();
      if (age === undefined) return undefined;
      oldest = Math.max(oldest, age);
    }
    return oldest;
  };

  const isFresh = (): boolean => (ageMs() ?? Number.POSITIVE_INFINITY) <= mostAgeMs;

  /** Asks the API server itself. */
  const refresh = async (namespace: string): Promise<void> => {
    const found = await objects.get<NamespaceObject>(kinds.Namespace, undefined, namespace);
    if (!found) return cache.absent(kinds.Namespace, namespace, namespace);
    await Promise.all(
      wholeKinds.slice(1).map(async (kind) => {
        const { items, metadata } = await objects.list(kind, { namespace, labelSelector: ourSelector });
        cache.replace(kind, items, metadata.resourceVersion, namespace);
      }),
    );
  };

  return {
    ageMs,
    isFresh,
    look: async (namespace: string, isDirect = false): Promise<View> => {
      if (isDirect || !isFresh()) await refresh(namespace);
      return toView(cache, namespace);
    },
    run: async (signal: AbortSignal): Promise<void> => {
      await Promise.all(watchers.map((watcher) => watcher.run(signal)));
    },
  };
};
