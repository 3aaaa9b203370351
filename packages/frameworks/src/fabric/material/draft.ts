import type { JsonValue, MaterialItem, NewMaterialItem, Random, Signer } from "@portolan/domain";

/** What a pass over a chain's material knows, and what it has made so far. */
export interface Draft {
  readonly now: Date;
  readonly signer: Signer;
  readonly random: Random;
  /** The newest version of an item, one of this pass too. */
  find(name: string): MaterialItem | undefined;
  nextVersion(name: string): number;
  add(items: readonly NewMaterialItem[]): void;
  /** In the order in which they were added. */
  made(): NewMaterialItem[];
  /** The newest version of each item. */
  items(): MaterialItem[];
}

/** Looks at `existing` once, in whatever order it comes: a chain may have thousands of identities. */
export const createDraft = (
  existing: readonly MaterialItem[],
  context: { signer: Signer; random: Random; now: Date },
): Draft => {
  const newest = new Map<string, MaterialItem>();
  for (const item of existing) {
    const known = newest.get(item.name);
    if (known === undefined || known.version < item.version) newest.set(item.name, item);
  }
  const made: NewMaterialItem[] = [];
  return {
    now: context.now,
    signer: context.signer,
    random: context.random,
    find: (name) => newest.get(name),
    nextVersion: (name) => (newest.get(name)?.version ?? 0) + 1,
    add: (items) => {
      for (const item of items) {
        made.push(item);
        const { secret: _secret, ...rest } = item;
        newest.set(item.name, rest);
      }
    },
    made: () => made,
    items: () => [...newest.values()],
  };
};

/** A member of an item's public part. */
export const memberOf = (item: Pick<MaterialItem, "public"> | undefined, key: string): JsonValue | undefined => {
  const value = item?.public;
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  return (value as { readonly [key: string]: JsonValue })[key];
};

export const textOf = (item: Pick<MaterialItem, "public"> | undefined, key: string): string | undefined => {
  const value = memberOf(item, key);
  return typeof value === "string" ? value : undefined;
};

export const textsOf = (item: Pick<MaterialItem, "public"> | undefined, key: string): string[] => {
  const value = memberOf(item, key);
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
};

/** As `textOf`, for what every item of that kind has; throws where it is not, which is a bug or a damaged row. */
export const needText = (draft: Pick<Draft, "find">, name: string, key: string): string => {
  const found = textOf(draft.find(name), key);
  if (found === undefined) throw new Error(`material ${name} has no ${key}`);
  return found;
};

/** Several at a time, since each waits for custody, but not thousands. Calls begin, and results come, in order. */
export const inBatches = async <Entry, Result>(
  entries: readonly Entry[],
  make: (entry: Entry) => Promise<Result>,
): Promise<Result[]> => {
  const size = 8;
  const results: Result[] = [];
  for (let at = 0; at < entries.length; at += size)
    results.push(...(await Promise.all(entries.slice(at, at + size).map(make))));
  return results;
};
