import type { Clock } from "@portolan/domain";

export interface ExpiringCache<Value> {
  /** The kept value, or what `load` answers, which is kept. Callers at the same time share one load. */
  get(key: string, load: () => Promise<Value>): Promise<Value>;
  delete(key: string): void;
  deleteWhere(matches: (value: Value) => boolean): void;
}

/** A bounded map whose entries end after `ttlMs`. A load that fails is not kept. */
export const createExpiringCache = <Value>({
  ttlMs,
  maxEntries,
  clock,
}: {
  ttlMs: number;
  maxEntries: number;
  clock: Clock;
}): ExpiringCache<Value> => {
  const entries = new Map<string, { value: Value; until: number }>();
  const loading = new Map<string, Promise<Value>>();
  // A load that began before a delete may hold what was true before it: it is answered, but not kept.
  let generation = 0;

  const keep = (key: string, value: Value): void => {
    entries.delete(key);
    entries.set(key, { value, until: clock.now().getTime() + ttlMs });
    if (entries.size <= maxEntries) return;
    const oldest = entries.keys().next().value;
    if (oldest !== undefined) entries.delete(oldest);
  };
  const start = (key: string, load: () => Promise<Value>): Promise<Value> => {
    const begun = generation;
    const work = load()
      .then((value) => {
        if (begun === generation) keep(key, value);
        return value;
      })
      .finally(() => {
        if (loading.get(key) === work) loading.delete(key);
      });
    loading.set(key, work);
    return work;
  };

  return {
    get: async (key, load) => {
      const found = entries.get(key);
      if (found !== undefined && found.until > clock.now().getTime()) return found.value;
      entries.delete(key);
      return loading.get(key) ?? start(key, load);
    },
    delete: (key) => {
      generation += 1;
      loading.delete(key);
      entries.delete(key);
    },
    deleteWhere: (matches) => {
      generation += 1;
      loading.clear();
      for (const [key, { value }] of entries) if (matches(value)) entries.delete(key);
    },
  };
};
