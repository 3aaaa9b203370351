import type { Logger } from "@portolan/kit";

type Listener = (placementId: string) => void;

/** Tells who watches that something of a placement has changed. What feeds it runs while anybody listens. */
export const createHints = (log: Pick<Logger, "warn">) => {
  const listeners = new Set<Listener>();
  let feed: { stop: AbortController; done: Promise<void> } | undefined;
  return {
    tell: (placementId: string | undefined): void => {
      if (placementId === undefined) return;
      for (const listener of listeners) {
        try {
          listener(placementId);
        } catch (error) {
          log.warn({ err: error, placementId }, "a watcher of the runtime failed");
        }
      }
    },
    /** Resolves once `signal` aborts and, for the last listener, the feed has ended. */
    listen: async (
      listener: Listener,
      signal: AbortSignal,
      run: (signal: AbortSignal) => Promise<void>,
    ): Promise<void> => {
      if (signal.aborted) return;
      const own: Listener = (placementId) => listener(placementId);
      listeners.add(own);
      if (feed === undefined) {
        const stop = new AbortController();
        feed = { stop, done: run(stop.signal) };
      }
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      listeners.delete(own);
      if (listeners.size > 0 || feed === undefined) return;
      const { stop, done } = feed;
      feed = undefined;
      stop.abort();
      await done;
    },
  };
};
