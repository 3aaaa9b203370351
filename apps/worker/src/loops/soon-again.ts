/** First pause; each further one is twice as long. */
const firstMs = 40;
/** After as many the sweep takes over: what is not there after seconds is not about to be. */
const times = 7;
/** Something that has rested this long begins anew. */
const calmMs = 60_000;

/**
 * Looks again shortly after a pass that found its order not reached, when no hint may come: a program that answers but
 * is still loading its state tells nobody when it has. Only makes it sooner; `nextAt` and the sweep are what counts.
 */
export const createSoonAgain = (request: (key: string) => void) => {
  const known = new Map<string, { count: number; atMs: number; timer: NodeJS.Timeout | undefined }>();
  return {
    after: (key: string): void => {
      const now = performance.now();
      const former = known.get(key);
      clearTimeout(former?.timer);
      const count = former === undefined || now - former.atMs > calmMs ? 0 : former.count;
      if (count >= times) return;
      const timer = setTimeout(() => request(key), firstMs * 2 ** count);
      timer.unref();
      known.set(key, { count: count + 1, atMs: now, timer });
    },
    forget: (key: string): void => {
      clearTimeout(known.get(key)?.timer);
      known.delete(key);
    },
    close: (): void => {
      for (const { timer } of known.values()) clearTimeout(timer);
      known.clear();
    },
  };
};
