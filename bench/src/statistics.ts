const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** The value below which this share of the values lies (nearest rank). Throws on none. */
export const percentile = (values: readonly number[], share: number): number => {
  const found = sorted(values)[Math.max(0, Math.ceil(values.length * share) - 1)];
  if (found === undefined) throw new Error("nothing was measured");
  return found;
};

export const middle = (values: readonly number[]): number => {
  const list = sorted(values);
  const [low, high] = [list[Math.floor((list.length - 1) / 2)], list[Math.floor(list.length / 2)]];
  if (low === undefined || high === undefined) throw new Error("nothing was measured");
  return (low + high) / 2;
};
