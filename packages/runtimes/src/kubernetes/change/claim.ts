import { DomainError } from "@portolan/domain";
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
    throw new DomainError({
      code: "runtime.failed",
      message: "The storage of this region can't be made larger.",
      hint: `Its class (${storageClassName ?? "none"}) has no allowVolumeExpansion; back the chain up and restore it with the larger plan, or keep the present one.`,
      detail: wanted.metadata.name,
    });
  }
  return { ...wanted, spec: { ...wanted.spec, ...kept } };
};
