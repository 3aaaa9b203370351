/** One writing call at a time for each placement, in the order of their coming. */
export const createTurns = () => {
  const last = new Map<string, Promise<unknown>>();
  return {
    enter: async <T>(key: string, work: () => Promise<T>): Promise<T> => {
      const before = last.get(key) ?? Promise.resolve();
      const own = before.then(work, work);
      const settled = own.catch(() => undefined);
      last.set(key, settled);
      try {
        return await own;
      } finally {
        if (last.get(key) === settled) last.delete(key);
      }
    },
  };
};
