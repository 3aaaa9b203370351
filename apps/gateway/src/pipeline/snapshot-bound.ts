/** Most snapshots that may be live on one chain: each holds a copy of the state it was taken from. */
export const maxSnapshots = 100;

/**
 * Counts a chain's live snapshots by their ids, as far as this gateway has seen them made. Reverting to one ends it
 * and all later ones. A chain that the gateway forgets (its restart) starts at none again.
 */
export interface SnapshotBound {
  hasRoom(chainId: string): boolean;
  taken(chainId: string, id: number): void;
  reverted(chainId: string, id: number): void;
  forget(chainId: string): void;
}

export const createSnapshotBound = (max = maxSnapshots): SnapshotBound => {
  const live = new Map<string, Set<number>>();
  return {
    hasRoom: (chainId) => (live.get(chainId)?.size ?? 0) < max,
    taken: (chainId, id) => {
      const ids = live.get(chainId) ?? new Set<number>();
      live.set(chainId, ids.add(id));
    },
    reverted: (chainId, id) => {
      const ids = live.get(chainId);
      for (const other of ids ?? []) if (other >= id) ids?.delete(other);
    },
    forget: (chainId) => {
      live.delete(chainId);
    },
  };
};
