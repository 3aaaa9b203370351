/** Items with those they come after first. Cycles and unknown names are passed over: an order, never a deadlock. */
export const inStartOrder = <T extends { name: string }>(
  items: readonly T[],
  before: (item: T) => readonly string[],
): T[] => {
  const ordered: T[] = [];
  const visited = new Set<string>();
  const visit = (item: T): void => {
    if (visited.has(item.name)) return;
    visited.add(item.name);
    for (const name of before(item)) {
      const earlier = items.find((other) => other.name === name);
      if (earlier) visit(earlier);
    }
    ordered.push(item);
  };
  for (const item of items) visit(item);
  return ordered;
};
