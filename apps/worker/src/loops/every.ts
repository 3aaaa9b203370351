export interface Loop {
  close(): Promise<void>;
}

/** Runs `work` every `intervalMs`, never twice at once; a failure is told and the next turn comes all the same. */
export const every = (intervalMs: number, work: () => Promise<void>, onError: (error: unknown) => void): Loop => {
  let current: Promise<void> = Promise.resolve();
  let isBusy = false;
  const turn = () => {
    if (isBusy) return;
    isBusy = true;
    current = work()
      .catch(onError)
      .finally(() => {
        isBusy = false;
      });
  };
  const timer = setInterval(turn, intervalMs);
  return {
    close: async () => {
      clearInterval(timer);
      await current;
    },
  };
};
