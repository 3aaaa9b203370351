/**
 * Runs at most one pass per key and a bounded number in all. A key that is asked for while its pass runs is run once
 * more afterwards, however often it was asked for: what changed meanwhile is seen.
 */
export interface SingleFlight {
  request(key: string): void;
  /**
   * The same for a wake that something quicker has probably told of already: nothing when a pass of the key runs. What
   * such a pass did not see, its end or the sweep finds.
   */
  suggest(key: string): void;
  /** Whether a key waits because as many passes run as may: one that only waits for something should make room. */
  isCrowded(): boolean;
  /** Takes no more and waits for the passes under way. */
  close(): Promise<void>;
}

export const createSingleFlight = (deps: {
  concurrency: number;
  run(key: string): Promise<void>;
  onError(key: string, error: unknown): void;
}): SingleFlight => {
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  let isClosed = false;

  const pump = (): void => {
    for (const key of waiting) {
      if (running.size >= deps.concurrency) return;
      if (running.has(key)) continue;
      waiting.delete(key);
      const pass = deps
        .run(key)
        .catch((error: unknown) => deps.onError(key, error))
        .finally(() => {
          running.delete(key);
          pump();
        });
      running.set(key, pass);
    }
  };

  const request = (key: string): void => {
    if (isClosed) return;
    waiting.add(key);
    pump();
  };

  return {
    request,
    suggest: (key) => {
      if (!running.has(key)) request(key);
    },
    isCrowded: () => running.size >= deps.concurrency && [...waiting].some((key) => !running.has(key)),
    close: async () => {
      isClosed = true;
      waiting.clear();
      await Promise.all(running.values());
    },
  };
};
