/** How a part stands; derived from its row, never stored. */
export const partStates = ["creating", "ready", "updating", "deleting", "deleted"] as const;

export type PartState = (typeof partStates)[number];

/** Where a part stands between what is wished of it and what was found inside the network. */
export const toPartState = (part: {
  generation: number;
  observedGeneration: number;
  isDeleted: boolean;
}): PartState => {
  const isReached = part.observedGeneration >= part.generation;
  if (part.isDeleted) return isReached ? "deleted" : "deleting";
  if (part.observedGeneration === 0) return "creating";
  return isReached ? "ready" : "updating";
};

/** How many parts of one kind a chain may have that are not deleted. */
export const mostPartsOfKind = 1_000;
