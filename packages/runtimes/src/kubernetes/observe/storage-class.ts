import { kinds } from "../client/kube-paths.ts";
import type { Context } from "../context.ts";

const defaultAnnotation = "storageclass.kubernetes.io/is-default-class";

/** The class that a claim without one gets; `undefined` where the cluster has none. */
export const findDefaultClass = async (context: Pick<Context, "objects">): Promise<string | undefined> => {
  const { items } = await context.objects.list(kinds.StorageClass);
  return items.find(({ metadata }) => metadata.annotations?.[defaultAnnotation] === "true")?.metadata.name;
};
