import type { InventoryItem } from "../../runtime.ts";
import { nodeOf } from "../cache/view.ts";
import type { KubeObject, PodObject } from "../client/kube-object.ts";
import { type Kind, kinds } from "../client/kube-paths.ts";
import type { Context } from "../context.ts";
import { annotationKeys, labelKeys, ourSelector } from "../labels.ts";

const isAlive = ({ status }: PodObject): boolean => status?.phase !== "Succeeded" && status?.phase !== "Failed";

/** Everything of the cluster that carries our label: pods, namespaces, volumes. */
export const listInventory = async (context: Context): Promise<InventoryItem[]> => {
  const list = async <T extends KubeObject>(kind: Kind): Promise<T[]> => {
    if (context.isFresh()) return context.cache.all(kind) as T[];
    return (await context.objects.list<T>(kind, { labelSelector: ourSelector })).items;
  };
  const [namespaces, pods, claims] = await Promise.all([
    list(kinds.Namespace),
    list<PodObject>(kinds.Pod),
    list(kinds.PersistentVolumeClaim),
  ]);
  const toItem = (object: KubeObject, kind: InventoryItem["kind"], name: string): InventoryItem[] => {
    const placementId = object.metadata.labels?.[labelKeys.placement];
    return placementId === undefined ? [] : [{ placementId, node: nodeOf(object) ?? "", kind, name }];
  };
  return [
    ...pods.filter(isAlive).flatMap((pod) => toItem(pod, "program", `${pod.metadata.name}#${pod.metadata.uid}`)),
    ...namespaces.flatMap((one) => toItem(one, "namespace", one.metadata.name)),
    ...claims.flatMap((claim) => {
      const [, name = claim.metadata.name] = claim.metadata.annotations?.[annotationKeys.volume]?.split("/") ?? [];
      return toItem(claim, "volume", name);
    }),
  ];
};
