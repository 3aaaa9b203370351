import type { Framework } from "@portolan/frameworks";
import type { ChainWork } from "@portolan/store";

/**
 * The chain's work with the nodes that are not wished any more and run on until the network has let them go: part of the
 * spec for all that is computed in this pass, and stored nowhere. Settings that no longer parse name none: then nothing
 * of the chain is changed but by its end.
 */
export const withLeaving = (work: ChainWork, framework: Pick<Framework, "leaving">): ChainWork => {
  if (framework.leaving === undefined || work.wish !== "running") return work;
  try {
    const leaving = framework.leaving(work.spec, work.material, work.view);
    return leaving.length === 0 ? work : { ...work, spec: { ...work.spec, leaving } };
  } catch {
    return work;
  }
};
