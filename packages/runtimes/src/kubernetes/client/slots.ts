/** At most `count` at a time; the rest wait in line. `take` gives the function that gives the slot back, once. */
export const createSlots = (count: number) => {
  let free = count;
  const waiting: (() => void)[] = [];
  const give = (): void => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  return {
    take: async (): Promise<() => void> => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let isGiven = false;
      return () => {
        if (isGiven) return;
        isGiven = true;
        give();
      };
    },
  };
};
