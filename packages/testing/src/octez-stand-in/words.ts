/** Options of a command line: names that take a value, names that stand alone. Others are refused, as Octez refuses them. */
export interface Words {
  /** What is not an option, in order. */
  plain: string[];
  get(name: string): string;
}

/** Throws for an option that is not known, that lacks its value, or comes twice. */
export const readWords = (
  words: readonly string[],
  known: { valued: readonly string[]; alone: readonly string[] },
): Words => {
  const plain: string[] = [];
  const options = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (!word.startsWith("--")) {
      plain.push(word);
      continue;
    }
    if (options.has(word)) throw new Error(`${word} comes twice`);
    if (known.alone.includes(word)) options.set(word, "");
    else if (known.valued.includes(word)) options.set(word, words[++at] ?? "");
    else throw new Error(`unknown option ${word}`);
  }
  return {
    plain,
    get: (name) => {
      const value = options.get(name);
      if (value === undefined || value === "") throw new Error(`${name} is missing`);
      return value;
    },
  };
};
