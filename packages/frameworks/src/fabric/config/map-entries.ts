/** Entries of a protobuf map sorted by key: the order in which they are serialised, so results are deterministic. */
export const mapEntries = <Value>(map: {
  forEach(callback: (value: Value, key: string) => void): void;
}): [string, Value][] => {
  const entries: [string, Value][] = [];
  map.forEach((value, key) => {
    entries.push([key, value]);
  });
  return entries.sort(([left], [right]) => (left < right ? -1 : Number(left > right)));
};
