import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterApi, WatchEvent } from "./api.ts";

export interface ListedObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace?: string;
    readonly labels?: { readonly [key: string]: string };
    readonly annotations?: { readonly [key: string]: string };
    readonly deletionTimestamp?: string;
    readonly resourceVersion?: string;
  };
}

/** Objects of one kind as the cluster has them, kept by a list and a watch from there. */
export interface WatchedList<T extends ListedObject> {
  items(): T[];
  close(): void;
}

/** `onChange` is called after each list and each event. A watch that ends is started anew by a list. */
export const watchList = <T extends ListedObject>(
  api: ClusterApi,
  path: string,
  onChange: () => void,
): WatchedList<T> => {
  const held = new Map<string, T>();
  const ending = new AbortController();
  const take = ({ type, object }: WatchEvent): void => {
    const item = object as unknown as T;
    if (type === "DELETED") held.delete(item.metadata.uid);
    else if (type === "ADDED" || type === "MODIFIED") held.set(item.metadata.uid, item);
    if (type !== "BOOKMARK") onChange();
  };
  const follow = async (): Promise<void> => {
    const list = await api.call<{ metadata: { resourceVersion: string }; items: T[] }>("GET", path);
    held.clear();
    for (const item of list.items) held.set(item.metadata.uid, item);
    onChange();
    const since = `watch=1&allowWatchBookmarks=true&resourceVersion=${list.metadata.resourceVersion}`;
    await api.watch(`${path}?${since}`, ending.signal, take);
  };
  const keep = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      // The API server of a test cluster is killed on purpose.
      await follow().catch(() => undefined);
      await sleep(200, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  void keep();
  return { items: () => [...held.values()], close: () => ending.abort() };
};

/** Runs `work` after a call, never twice at once; calls in the meantime make one further run. Failures are said. */
export const createSweeper = (name: string, work: () => Promise<void>) => {
  let wanted = false;
  let isRunning = false;
  const run = async (): Promise<void> => {
    while (wanted) {
      wanted = false;
      await work().catch((error: unknown) => console.error(`${name}: ${error}`));
    }
    isRunning = false;
  };
  return (): void => {
    wanted = true;
    if (isRunning) return;
    isRunning = true;
    void sleep(20).then(run);
  };
};
