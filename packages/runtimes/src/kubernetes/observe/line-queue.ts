const mostWaiting = 1_000;

/** Between readers that push and one that takes: bounded, so that a slow taker slows the readers down. */
export const createLineQueue = <T>(signal: AbortSignal) => {
  const waiting: T[] = [];
  let wakeTaker: (() => void) | undefined;
  let wakePushers: (() => void)[] = [];
  const wakeAll = (): void => {
    wakeTaker?.();
    for (const wake of wakePushers) wake();
    wakePushers = [];
  };
  signal.addEventListener("abort", wakeAll, { once: true });
  return {
    push: async (item: T): Promise<void> => {
      while (waiting.length >= mostWaiting && !signal.aborted) {
        await new Promise<void>((resolve) => wakePushers.push(resolve));
      }
      waiting.push(item);
      wakeTaker?.();
    },
    lines: async function* (): AsyncGenerator<T> {
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            wakeTaker = resolve;
          });
          continue;
        }
        if (waiting.length < mostWaiting / 2) {
          for (const wake of wakePushers) wake();
          wakePushers = [];
        }
        yield next;
      }
    },
  };
};
