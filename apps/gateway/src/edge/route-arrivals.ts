import type { DirectoryListener } from "./directory.ts";

/** Callers that wait for the route of a chain that nobody here knows yet. Register `listener` with the directory. */
export interface RouteArrivals {
  /**
   * Calls `done` once, in a turn of its own: when a route of the chain has come and `isThere` agrees, or when the
   * patience is over.
   */
  wait(chainId: string, isThere: () => boolean, done: () => void): void;
  readonly listener: DirectoryListener;
}

interface Waiter {
  isThere(): boolean;
  end(): void;
}

/** Who comes while `maxWaiting` wait is not waited for. */
export const createRouteArrivals = ({ patienceMs = 150, maxWaiting = 1_000 } = {}): RouteArrivals => {
  const waiting = new Map<string, Set<Waiter>>();
  let count = 0;
  return {
    wait: (chainId, isThere, done) => {
      if (count >= maxWaiting) {
        setImmediate(done);
        return;
      }
      const ofChain = waiting.get(chainId) ?? new Set<Waiter>();
      const end = (): void => {
        clearTimeout(timer);
        count -= 1;
        ofChain.delete(waiter);
        if (ofChain.size === 0) waiting.delete(chainId);
        // Listeners that open what the call needs may not have heard of the route yet.
        setImmediate(done);
      };
      const waiter: Waiter = { isThere, end };
      const timer = setTimeout(end, patienceMs);
      count += 1;
      waiting.set(chainId, ofChain.add(waiter));
    },
    listener: {
      onAccessChange: () => undefined,
      onRoute: (next) => {
        if (next === undefined) return;
        for (const waiter of waiting.get(next.route.chainId) ?? []) if (waiter.isThere()) waiter.end();
      },
    },
  };
};
