/** First of a node's numbers: each node has an address of its own, so that all count from here. */
const firstNumber = 8_000;

/**
 * Numbers of a node's ports: counted up by name, those that are there already (`taken`, from the node's Service) stay
 * as they are, whatever is added. The program listens on the number that is dialled.
 */
export const toPortNumbers = (
  ports: readonly { name: string }[],
  taken: ReadonlyMap<string, number> = new Map(),
): Map<string, number> => {
  const numbers = new Map(taken);
  const used = new Set(taken.values());
  let next = firstNumber;
  for (const { name } of [...ports].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (numbers.has(name)) continue;
    while (used.has(next)) next++;
    used.add(next);
    numbers.set(name, next);
  }
  return new Map(ports.flatMap(({ name }) => [[name, numbers.get(name) ?? firstNumber] as const]));
};
