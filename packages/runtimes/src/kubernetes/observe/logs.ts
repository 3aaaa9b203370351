import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { LogLine } from "@portolan/domain";
import { redact } from "@portolan/kit";
import type { PlacementRef } from "../../runtime.ts";
import { nodeOf, type View } from "../cache/view.ts";
import { KubeError, toDomainError } from "../client/kube-error.ts";
import type { PodObject } from "../client/kube-object.ts";
import { kinds, toPath } from "../client/kube-paths.ts";
import type { Context } from "../context.ts";
import { labelKeys } from "../labels.ts";
import { readFacts } from "../render/facts.ts";
import { toNamespaceName } from "../space.ts";
import { findSpace } from "./find-space.ts";
import { createLineQueue } from "./line-queue.ts";

const maxLineLength = 16_384;
const maxBytes = 4 << 20;
const defaultLimit = 1000;
const maxLimit = 10_000;
const reopenMs = 500;

export interface LogOptions {
  since?: Date;
  limit?: number;
  follow?: boolean;
  signal?: AbortSignal;
}

interface Source {
  pod: PodObject;
  container: string;
  process: string;
}

const toSources = (view: View, node: string): Source[] => {
  const own = view.pods.get(node);
  const jobs = view.otherPods.filter(
    (pod) => nodeOf(pod) === node && pod.metadata.labels?.[labelKeys.component] === "job",
  );
  return [...(own ? [own] : []), ...jobs].flatMap((pod) => {
    const facts = readFacts(pod.metadata.annotations);
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    // A container that has not begun has no log to ask for.
    const begun = statuses.filter(
      ({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated,
    );
    return begun.map(({ name }) => ({ pod, container: name, process: facts[name]?.process ?? name }));
  });
};

const open = async (
  context: Context,
  { pod, container }: Source,
  query: { [name: string]: string | number | boolean | undefined },
  signal?: AbortSignal,
): Promise<IncomingMessage | undefined> => {
  try {
    return await context.client.stream({
      method: "GET",
      path: toPath(kinds.Pod, { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name, below: "log" }),
      query: { container, timestamps: true, ...query },
      accept: "*/*",
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    // Gone, not begun, or never was: there is nothing to read.
    if (signal?.aborted || (error instanceof KubeError && (error.status === 400 || error.status === 404)))
      return undefined;
    throw toDomainError(error);
  }
};

/** `2026-11-23T08:00:00.123456789Z text` */
const toLine = (raw: string, process: string): (LogLine & { stamp: string }) | undefined => {
  const space = raw.indexOf(" ");
  const stamp = space < 0 ? raw : raw.slice(0, space);
  const at = Date.parse(stamp);
  if (Number.isNaN(at)) return undefined;
  const line = redact(
    raw
      .slice(space < 0 ? raw.length : space + 1)
      .replace(/\r$/, "")
      .slice(0, maxLineLength),
  );
  return { at: new Date(at).toISOString(), process, line, stamp };
};

const byTime = (a: { stamp: string }, b: { stamp: string }): number =>
  a.stamp < b.stamp ? -1 : a.stamp > b.stamp ? 1 : 0;

const sinceQuery = (since: Date | undefined) => (since ? { sinceTime: since.toISOString() } : {});

const readPast = async (context: Context, source: Source, options: LogOptions, limit: number, isPrevious: boolean) => {
  const query = { ...sinceQuery(options.since), tailLines: limit, limitBytes: maxBytes, previous: isPrevious };
  const stream = await open(context, source, query, options.signal);
  if (!stream) return [];
  const lines: (LogLine & { stamp: string })[] = [];
  for await (const raw of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    const line = toLine(raw, source.process);
    if (line) lines.push(line);
  }
  return lines;
};

const hasRestarted = ({ pod, container }: Source): boolean =>
  [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].some(
    ({ name, lastState }) => name === container && lastState?.terminated !== undefined,
  );

/**
 * Lines of a node's containers, oldest first, with the times at which the cluster took them. The run before the last
 * restart is included while the machine still has it; logs of pods that are gone are gone. Known secret forms are masked.
 */
export async function* readLogs(
  context: Context,
  placement: PlacementRef,
  node: string,
  options: LogOptions,
): AsyncGenerator<LogLine> {
  const space = await findSpace(context, placement, ({ sets, pods }) => sets.has(node) || pods.has(node));
  const namespace = toNamespaceName(space);
  const limit = Math.min(options.limit ?? defaultLimit, maxLimit);
  const sources = toSources(await context.look(namespace), node);
  const startedAt = new Date();
  const past = await Promise.all(
    limit === 0
      ? []
      : sources.flatMap((source) => [
          ...(hasRestarted(source) ? [readPast(context, source, options, limit, true)] : []),
          readPast(context, source, options, limit, false),
        ]),
  );
  const since = options.since?.toISOString() ?? "";
  const shown = past
    .flat()
    .sort(byTime)
    .filter(({ at }) => at >= since)
    .slice(-Math.max(limit, 1));
  for (const { stamp: _stamp, ...line } of shown) yield line;
  if (options.follow !== true) return;
  const last = shown.at(-1)?.stamp;
  yield* follow(context, namespace, node, last === undefined ? startedAt : new Date(last), last ?? "", options.signal);
}

/** Goes on where the past ended; containers and pods that come later are followed too. */
async function* follow(
  context: Context,
  namespace: string,
  node: string,
  from: Date,
  lastStamp: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogLine> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) end.abort();
  const queue = createLineQueue<LogLine>(end.signal);
  const active = new Set<string>();
  const reached = new Map<string, string>();

  const tail = async (key: string, source: Source): Promise<void> => {
    const known = reached.get(source.process) ?? lastStamp;
    const since = known === "" ? from : new Date(known);
    try {
      const stream = await open(context, source, { follow: true, ...sinceQuery(since) }, end.signal);
      if (!stream) return;
      for await (const raw of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
        const line = toLine(raw, source.process);
        if (!line || line.stamp <= (reached.get(source.process) ?? lastStamp)) continue;
        if (lastStamp === "" && Date.parse(line.at) < from.getTime()) continue;
        reached.set(source.process, line.stamp);
        const { stamp: _stamp, ...plain } = line;
        await queue.push(plain);
      }
    } catch (error) {
      if (!end.signal.aborted) context.log.warn({ err: error, namespace, node }, "a log broke off; it is opened again");
    } finally {
      active.delete(key);
    }
  };

  const look = async (): Promise<void> => {
    while (!end.signal.aborted) {
      const view = await context.look(namespace).catch(() => undefined);
      for (const source of view ? toSources(view, node) : []) {
        const key = `${source.pod.metadata.uid}/${source.container}`;
        if (active.has(key)) continue;
        active.add(key);
        void tail(key, source);
      }
      await sleep(reopenMs, undefined, { signal: end.signal }).catch(() => undefined);
    }
  };
  const looking = look();
  try {
    yield* queue.lines();
  } finally {
    end.abort();
    signal?.removeEventListener("abort", stop);
    await looking;
  }
}
