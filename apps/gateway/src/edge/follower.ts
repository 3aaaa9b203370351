import { readFile } from "node:fs/promises";
import type { EdgeChange, EdgePort, EdgeSnapshot } from "@portolan/contract";
import { type Logger, replaceFile, within } from "@portolan/kit";
import type { Directory } from "./directory.ts";

export interface FollowerDeps {
  port: Pick<EdgePort, "snapshot" | "changes">;
  region: string;
  directory: Directory;
  /** Where the last snapshot is kept (0600: it holds hashes and routes, no secrets). */
  file: string;
  log: Pick<Logger, "info" | "warn">;
  snapshotTimeoutMs?: number;
  resyncMs?: number;
  persistMs?: number;
}

export interface Follower {
  /** Resolves when there is a snapshot to serve from: the centre's, or the one on disk. */
  start(): Promise<{ from: "centre" | "disk" | "nothing" }>;
  /** Whether any snapshot has been loaded. */
  readonly hasSnapshot: boolean;
  stop(): Promise<void>;
}

const idOf = (change: Exclude<EdgeChange, { kind: "resync" }>): string =>
  change.kind === "route"
    ? change.route.chainId
    : change.kind === "routeRemoved"
      ? change.chainId
      : change.kind === "key"
        ? change.key.id
        : change.app.id;

/**
 * Keeps the directory equal to the centre's view of the region: a snapshot, the stream of changes, a new snapshot
 * when the stream was broken and, as a net, every minute. The centre may be away at any time.
 */
export const createFollower = (deps: FollowerDeps): Follower => {
  const { port, region, directory, file, log, snapshotTimeoutMs = 5_000, resyncMs = 60_000, persistMs = 1_000 } = deps;
  const abort = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  let touched: Set<string> | null = null;
  let hasSnapshot = false;
  let isPersistDue = false;
  let resyncing: Promise<boolean> | null = null;
  let writing: Promise<void> = Promise.resolve();

  const after = (ms: number, run: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!abort.signal.aborted) run();
    }, ms);
    timer.unref();
    timers.add(timer);
  };
  const persist = async (): Promise<void> => {
    isPersistDue = false;
    try {
      await replaceFile(file, JSON.stringify(directory.snapshot()));
    } catch (err) {
      log.warn({ err }, "the snapshot could not be written to disk");
    }
  };
  const persistSoon = (): void => {
    if (isPersistDue) return;
    isPersistDue = true;
    after(persistMs, () => {
      writing = persist();
    });
  };
  const takeSnapshot = async (): Promise<boolean> => {
    touched = new Set();
    try {
      const snapshot = await within(port.snapshot(region), snapshotTimeoutMs);
      if (snapshot === "late") throw new Error(`the centre did not answer within ${snapshotTimeoutMs} ms`);
      directory.load(snapshot, touched);
      hasSnapshot = true;
      persistSoon();
      return true;
    } catch (err) {
      log.warn({ err }, "no snapshot from the centre; going on with the last one");
      return false;
    } finally {
      touched = null;
    }
  };
  const resync = (): Promise<boolean> => {
    resyncing ??= takeSnapshot().finally(() => {
      resyncing = null;
    });
    return resyncing;
  };
  const onChange = (change: EdgeChange): void => {
    if (change.kind === "resync") {
      void resync();
      return;
    }
    touched?.add(idOf(change));
    directory.apply(change);
    persistSoon();
  };
  const follow = async (waitMs: number): Promise<void> => {
    try {
      await port.changes(region, onChange, abort.signal);
    } catch (err) {
      if (abort.signal.aborted) return;
      log.warn({ err }, "the stream of changes broke");
      after(waitMs, () => {
        void follow(Math.min(waitMs * 2, 10_000));
        void resync();
      });
    }
  };
  const net = (): void => {
    after(hasSnapshot ? resyncMs : 1_000, () => {
      void resync().finally(net);
    });
  };
  const loadFromDisk = async (): Promise<boolean> => {
    try {
      directory.load(JSON.parse(await readFile(file, "utf8")) as EdgeSnapshot);
      hasSnapshot = true;
      return true;
    } catch {
      return false;
    }
  };

  return {
    start: async () => {
      // The disk first: what it knows is better than nothing, and the centre's answer replaces it.
      const isOnDisk = await loadFromDisk();
      void follow(500);
      const isFresh = await resync();
      // Once more shortly after: a change between the snapshot and the stream's beginning is seen then.
      after(2_000, () => void resync());
      net();
      return { from: isFresh ? "centre" : isOnDisk ? "disk" : "nothing" };
    },
    get hasSnapshot() {
      return hasSnapshot;
    },
    stop: async () => {
      abort.abort();
      for (const timer of timers) clearTimeout(timer);
      await writing;
      if (isPersistDue) await persist();
    },
  };
};
