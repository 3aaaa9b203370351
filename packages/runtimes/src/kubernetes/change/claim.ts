import { NodeFailure } from "../../node-failure.ts";
import type { ClaimObject, KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { toBytes } from "../quantity.ts";

interface StorageClassObject extends KubeObject {
  allowVolumeExpansion?: boolean;
}

const requestOf = (claim: ClaimObject): bigint => toBytes(claim.spec?.resources?.requests?.storage);

/** Whether volumes of this class can be made larger. A class that is gone can't. */
export const canExpand = async (
  context: Pick<WriteTurn, "objects">,
  storageClass: string | undefined,
): Promise<boolean> => {
  if (storageClass === undefined || storageClass === "") return false;
  const found = await context.objects.get<StorageClassObject>(kinds.StorageClass, undefined, storageClass);
  return found?.allowVolumeExpansion === true;
};

/**
 * A volume's claim as it can be applied over the one that is there: never smaller (data would be lost), never of
 * another class (a claim can't change it). Throws where it should grow and its class can't.
 */
export const toClaim = async (turn: WriteTurn, wanted: ClaimObject): Promise<ClaimObject> => {
  const found = turn.cache.find(kinds.PersistentVolumeClaim, turn.namespace, wanted.metadata.name) as
    | ClaimObject
    | undefined;
  if (!found?.spec) return wanted;
  const { storageClassName } = found.spec;
  const kept = storageClassName === undefined ? {} : { storageClassName };
  const isLarger = requestOf(wanted) > requestOf(found);
  if (!isLarger) return { ...wanted, spec: { ...wanted.spec, ...kept, resources: found.spec.resources ?? {} } };
  if (!(await canExpand(turn, storageClassName))) {
    throw new NodeFailure({
      reason: "storage_fixed",
      message: "The node's volume can't be made larger in this region; it runs on as it was.",
      hint: `Its class (${storageClassName ?? "none"}) has no allowVolumeExpansion. Cancel the operation to keep the present plan, or have the operator allow expansion and retry it.`,
    });
  }
  return { ...wanted, spec: { ...wanted.spec, ...kept } };
};
