import type { KubeObject } from "../client/kube-object.ts";
import { annotationKeys } from "../labels.ts";

/** The fence that an object carries; 0 where it carries none. */
export const fenceOf = (object: KubeObject | undefined): bigint => {
  const text = object?.metadata.annotations?.[annotationKeys.fence] ?? "0";
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
};
