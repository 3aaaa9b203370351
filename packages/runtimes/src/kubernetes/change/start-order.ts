import type { PodObject } from "../client/kube-object.ts";
import type { NodeRecord } from "./placement-state.ts";

const startedAt = (pod: PodObject, container: string): number | undefined => {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const at = statuses.find(({ name }) => name === container)?.state?.running?.startedAt;
  return at === undefined ? undefined : Date.parse(at);
};

/**
 * Whether a program runs that was started before one that it comes after: that one died and was started again alone by
 * the kubelet. What depends on it may hold connections and files of its former life.
 */
export const startedOutOfOrder = (pod: PodObject, record: Pick<NodeRecord, "order">): boolean =>
  Object.entries(record.order ?? {}).some(([container, after]) => {
    const own = startedAt(pod, container);
    return own !== undefined && after.some((name) => (startedAt(pod, name) ?? own) > own);
  });
