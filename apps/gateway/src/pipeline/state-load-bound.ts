/** Of a chain's time, the part that checking its states may take of this thread. */
const maxCheckShare = 1 / 10;

export interface StateLoadTurn {
  /** Runs the check of the state; its time counts against the chain. */
  check<Found>(work: () => Found): Found;
  /** The node has answered, or never will. More than once does no harm. */
  end(): void;
}

/**
 * One state load in flight per chain: a node holds the state and its copy at once. A check unpacks the state on the
 * gateway's own thread, so that the next one waits until ten times its length has passed, whatever came of it.
 */
export interface StateLoadBound {
  /** The chain's turn; `null` while another load is in flight or the last check is too near. */
  begin(chainId: string): StateLoadTurn | null;
}

/** `now` is monotonic milliseconds. Holds an entry per chain that ever loaded a state. */
export const createStateLoadBound = (now: () => number = () => performance.now()): StateLoadBound => {
  const inFlight = new Set<string>();
  const nextAt = new Map<string, number>();
  return {
    begin: (chainId) => {
      if (inFlight.has(chainId) || now() < (nextAt.get(chainId) ?? 0)) return null;
      inFlight.add(chainId);
      let isOver = false;
      return {
        check: (work) => {
          const startedAt = now();
          try {
            return work();
          } finally {
            nextAt.set(chainId, startedAt + (now() - startedAt) / maxCheckShare);
          }
        },
        end: () => {
          if (isOver) return;
          isOver = true;
          inFlight.delete(chainId);
        },
      };
    },
  };
};
