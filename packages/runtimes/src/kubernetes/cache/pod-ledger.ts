import type { NodeRecord } from "../change/placement-state.ts";
import type { PodObject } from "../client/kube-object.ts";

/** Restarts of a pod's programs: init commands that run anew are none. */
export const restartsOf = (pod: PodObject): number => {
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === "Always").map(({ name }) => name),
  );
  const statuses = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name)),
  ];
  return statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);
};

interface Seen {
  uid: string;
  restarts: number;
}

export type PodLedger = ReturnType<typeof createPodLedger>;

/**
 * Pods of each node in the order in which they were seen, since the last that was written down: a pod that came and
 * went between two applies is a start that must be counted too.
 */
export const createPodLedger = () => {
  const pods = new Map<string, Seen[]>();
  /** Ends of these were ours, and are counted already. */
  const expected = new Map<string, Set<string>>();

  return {
    see: (key: string, pod: PodObject): void => {
      const { uid = "", deletionTimestamp } = pod.metadata;
      if (expected.get(key)?.has(uid)) return;
      const known = pods.get(key) ?? [];
      const entry = known.find((one) => one.uid === uid);
      if (entry) entry.restarts = Math.max(entry.restarts, restartsOf(pod));
      else if (deletionTimestamp === undefined) pods.set(key, [...known, { uid, restarts: restartsOf(pod) }]);
    },

    /** Starts counted up to now, and those of them that nobody asked for since what was written down. */
    count: (key: string, record: Pick<NodeRecord, "incarnation" | "pod" | "podRestarts">) => {
      let incarnation = record.incarnation;
      let isCounted = record.pod !== undefined;
      const seen = pods.get(key) ?? [];
      const from = seen.findIndex(({ uid }) => uid === record.pod);
      for (const { uid, restarts } of from < 0 ? seen : seen.slice(from)) {
        if (uid === record.pod) incarnation += Math.max(0, restarts - (record.podRestarts ?? 0));
        // The first pod after a start of ours was counted with that start.
        else incarnation += (isCounted ? 1 : 0) + restarts;
        isCounted = true;
      }
      return { incarnation, unasked: incarnation - record.incarnation };
    },

    /** All up to this pod is written down now. */
    settle: (key: string, pod: PodObject): void => {
      pods.set(key, [{ uid: pod.metadata.uid ?? "", restarts: restartsOf(pod) }]);
    },

    /** Of the last pod seen. */
    restartsOf: (key: string): number => pods.get(key)?.at(-1)?.restarts ?? 0,

    /** The node's pods of now are ended by us. */
    expectEnd: (key: string, uids: readonly string[]): void => {
      pods.delete(key);
      expected.set(key, new Set(uids));
    },

    forget: (prefix: string): void => {
      for (const map of [pods, expected]) for (const key of map.keys()) if (key.startsWith(prefix)) map.delete(key);
    },
  };
};
