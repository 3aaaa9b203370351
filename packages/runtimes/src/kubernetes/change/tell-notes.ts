import type { WriteTurn } from "../context.ts";
import type { RenderNote } from "../render/rendered.ts";

/** More than a region's chains have to say; then it begins again. */
const mostRemembered = 10_000;

/**
 * The operator's log says once, for as long as this process lives, what the cluster does not do as the blueprint asks:
 * what is of a node for each chain, what is of an image or the region once for all of them.
 */
export const createNoteTeller = () => {
  const told = new Set<string>();
  return ({ placement: { placementId }, log }: Pick<WriteTurn, "placement" | "log">, notes: readonly RenderNote[]) => {
    if (told.size > mostRemembered) told.clear();
    for (const { reason, node, message, hint } of notes) {
      const key = node === undefined ? message : `${placementId} ${node} ${reason}`;
      if (told.has(key)) continue;
      told.add(key);
      log.warn({ reason, hint, ...(node === undefined ? {} : { placementId, node }) }, message);
    }
  };
};

/** Of this process' drivers. */
export const tellNotes = createNoteTeller();
