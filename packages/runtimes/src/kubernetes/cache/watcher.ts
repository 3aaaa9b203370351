import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@portolan/kit";
import type { KubeClient } from "../client/client.ts";
import { isStatus, KubeError, KubeSilence } from "../client/kube-error.ts";
import { isNewer, type KubeObject } from "../client/kube-object.ts";
import { type Kind, toPath } from "../client/kube-paths.ts";
import type { KubeObjects } from "../client/objects.ts";
import { ourSelector } from "../labels.ts";
import type { KubeCache } from "./cache.ts";

export interface WatchedKind {
  kind: Kind;
  /** Only names, labels and versions are kept: of kinds that hold secrets or are large. */
  isMetadataOnly?: boolean;
}

export interface WatcherSettings {
  /** How long one watch goes on. The server's end of it proves that it was alive until then. */
  watchSeconds?: number;
  /** After this a whole list is made again, whatever the watch said. */
  relistMs?: number;
  /** A watch that outlives its end by this is dead. */
  slackMs?: number;
}

const firstPauseMs = 200;
/** What the cluster does is heard of so long after it answers again, and half as long once more. */
const longestPauseMs = 3_000;
const mostOldLists = 20;

const partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";
const partialList = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: KubeObject & { code?: number; reason?: string; message?: string };
}

export type Watcher = ReturnType<typeof createWatcher>;

/** Keeps the cache's objects of one kind up to date by bounded watches and whole lists, until its signal aborts. */
export const createWatcher = (
  deps: {
    client: Pick<KubeClient, "stream">;
    objects: Pick<KubeObjects, "list">;
    cache: KubeCache;
    log: Pick<Logger, "warn">;
  },
  { kind, isMetadataOnly = false }: WatchedKind,
  settings: WatcherSettings = {},
) => {
  const { client, objects, cache, log } = deps;
  const { watchSeconds = 40, relistMs = 600_000, slackMs = 8_000 } = settings;
  let freshAt: number | undefined;
  let newest: string | undefined;
  let oldLists = 0;

  const list = async (): Promise<string> => {
    const accept = isMetadataOnly ? { accept: partialList } : {};
    const { items, metadata } = await objects.list(kind, { labelSelector: ourSelector, ...accept });
    const version = metadata.resourceVersion ?? "";
    // A server behind a cache of its own may answer with the past: what is known already is better.
    if (newest !== undefined && isNewer(newest, version) && oldLists++ < mostOldLists) {
      throw new KubeError(410, "Stale", "the list is an old one");
    }
    // Always the past: the cluster itself was set back, and what was known is not so any more.
    if (oldLists > mostOldLists) cache.forget();
    oldLists = 0;
    newest = version;
    cache.replace(kind, items, version);
    freshAt = performance.now();
    return version;
  };

  const hear = (event: WatchEvent): string | undefined => {
    freshAt = performance.now();
    if (event.type === "ERROR") {
      throw new KubeError(event.object.code ?? 500, event.object.reason ?? "", event.object.message ?? "");
    }
    if (event.type === "DELETED") cache.end(kind, event.object);
    else if (event.type !== "BOOKMARK") cache.put(kind, event.object);
    return event.object.metadata.resourceVersion;
  };

  /** Watches until the server ends it; resolves with the version that was reached. */
  const watch = async (from: string, signal: AbortSignal): Promise<string> => {
    const response: IncomingMessage = await client.stream({
      method: "GET",
      path: toPath(kind),
      query: {
        watch: true,
        labelSelector: ourSelector,
        resourceVersion: from,
        allowWatchBookmarks: true,
        timeoutSeconds: watchSeconds,
      },
      ...(isMetadataOnly ? { accept: partial } : {}),
      signal,
    });
    freshAt = performance.now();
    // With an error: the lines of an answer that is just destroyed never end.
    const endLate = () => response.destroy(new KubeSilence("the watch outlived its end"));
    const timer = setTimeout(endLate, watchSeconds * 1000 + slackMs);
    let version = from;
    try {
      for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
        if (line !== "") version = hear(JSON.parse(line) as WatchEvent) ?? version;
        if (isNewer(version, newest)) newest = version;
      }
    } finally {
      clearTimeout(timer);
      response.destroy();
    }
    if (response.complete) freshAt = performance.now();
    return version;
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let version: string | undefined;
    let listedAt = 0;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (version === undefined || performance.now() - listedAt > relistMs) {
          version = await list();
          listedAt = performance.now();
        }
        version = await watch(version, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        // 410: what is between is not to be had any more; a whole list is.
        if (isStatus(error, 410)) version = undefined;
        else log.warn({ err: error, kind: kind.kind }, "a watch on the cluster broke");
        failures += 1;
        if (failures > 2) version = undefined;
        const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs) * (0.5 + Math.random());
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  return {
    kind,
    run: async (signal: AbortSignal): Promise<void> => {
      try {
        await run(signal);
      } finally {
        freshAt = undefined;
      }
    },
    /** How long ago it was last certain that nothing was missed; `undefined`: never yet. */
    ageMs: (): number | undefined => (freshAt === undefined ? undefined : performance.now() - freshAt),
  };
};
