import type { OperationRow } from "@portolan/store";

export interface UpdateHub {
  /** Calls back with the operation's row after each change that is noticed. Answers how to stop. */
  watchOperation(id: string, onChange: (row: OperationRow) => void): () => void;
  /** Resolves when an answer to the log request was noticed, or when `signal` aborts. */
  waitForLogs(requestId: string, signal: AbortSignal): Promise<void>;
  /** A notification of Postgres; wired to one listener per process. */
  notify(channel: string, payload: string): void;
  /** Reads everything that is watched again: after a gap of the listener, and every few seconds by itself. */
  resync(): void;
  close(): void;
}

export const operationChannel = "portolan_operation";
export const logChannel = "portolan_log";

/**
 * Hands notifications to whoever waits: one listener and one query per burst, however many wait. Rows are read again,
 * so a notification is only a hint, and one that is lost costs `resyncMs`.
 */
export const createUpdateHub = (deps: {
  loadOperations: (ids: readonly string[]) => Promise<OperationRow[]>;
  onError: (error: unknown) => void;
  burstMs?: number;
  resyncMs?: number;
}): UpdateHub => {
  const { loadOperations, onError, burstMs = 5, resyncMs = 2_000 } = deps;
  const watchers = new Map<string, Set<(row: OperationRow) => void>>();
  const logWaiters = new Map<string, Set<() => void>>();
  const stale = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let isLoading = false;

  const flush = async (): Promise<void> => {
    timer = undefined;
    if (isLoading || stale.size === 0) return;
    isLoading = true;
    const ids = [...stale].slice(0, 500);
    for (const id of ids) stale.delete(id);
    try {
      for (const row of await loadOperations(ids)) for (const call of watchers.get(row.id) ?? []) call(row);
    } catch (error) {
      onError(error);
    } finally {
      isLoading = false;
      if (stale.size > 0) schedule();
    }
  };
  const schedule = (): void => {
    timer ??= setTimeout(() => void flush(), burstMs);
  };
  const markStale = (id: string): void => {
    if (!watchers.has(id)) return;
    stale.add(id);
    schedule();
  };
  const resync = (): void => {
    for (const id of watchers.keys()) markStale(id);
    for (const waiters of logWaiters.values()) for (const wake of waiters) wake();
  };
  const interval = setInterval(resync, resyncMs).unref();

  const join = <Callback>(map: Map<string, Set<Callback>>, id: string, callback: Callback): (() => void) => {
    const set = map.get(id) ?? new Set<Callback>();
    map.set(id, set.add(callback));
    return () => {
      set.delete(callback);
      if (set.size === 0 && map.get(id) === set) map.delete(id);
    };
  };

  return {
    watchOperation: (id, onChange) => join(watchers, id, onChange),
    waitForLogs: (requestId, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          leave();
          signal.removeEventListener("abort", done);
          resolve();
        };
        const leave = join(logWaiters, requestId, done);
        signal.addEventListener("abort", done);
        if (signal.aborted) done();
      }),
    notify: (channel, payload) => {
      if (channel === operationChannel) markStale(payload);
      if (channel === logChannel) for (const wake of logWaiters.get(payload) ?? []) wake();
    },
    resync,
    close: () => {
      clearInterval(interval);
      clearTimeout(timer);
    },
  };
};
