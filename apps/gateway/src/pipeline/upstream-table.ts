import type { EdgePort, RouteTarget } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { Directory, DirectoryListener } from "../edge/directory.ts";
import type { RouteEntry } from "../edge/entries.ts";
import { createUpstream, type Upstream } from "./upstream.ts";

export interface UpstreamTable {
  /** The upstream of an open route, or `null` when it has no target for the protocol. */
  get(entry: RouteEntry): Upstream | null;
  wake(chainId: string, reason: "asleep" | "suspect"): void;
  close(): Promise<void>;
}

export interface UpstreamTableDeps {
  protocol: string;
  directory: Pick<Directory, "listen" | "route">;
  port: Pick<EdgePort, "wake">;
  log: Pick<Logger, "info" | "warn">;
  sweepMs?: number;
}

const wakeEveryMs = 1_000;
const maxWakes = 10_000;
/** Callers are gone when this runs out; a node's late answer is then nobody's. */
const closeMs = 1_000;

/** Keeps one upstream for each chain whose route is open, from the moment it opens. */
export const createUpstreamTable = ({
  protocol,
  directory,
  port,
  log,
  sweepMs = 250,
}: UpstreamTableDeps): UpstreamTable => {
  const upstreams = new Map<string, { upstream: Upstream; target: string }>();
  const wokenAt = new Map<string, number>();
  /** Routes that closed with calls in flight; these end or expire like others. */
  const closing = new Map<Upstream, Promise<void>>();

  const wake = (chainId: string, reason: "asleep" | "suspect"): void => {
    const now = performance.now();
    const last = wokenAt.get(chainId);
    if (last !== undefined && now - last < wakeEveryMs) return;
    if (wokenAt.size >= maxWakes) wokenAt.clear();
    wokenAt.set(chainId, now);
    port
      .wake(chainId, reason)
      .catch((err: unknown) => log.warn({ err, chainId }, "the centre could not be asked to look at a chain"));
  };
  const drop = (chainId: string): void => {
    const found = upstreams.get(chainId);
    if (found === undefined) return;
    upstreams.delete(chainId);
    const { upstream } = found;
    closing.set(
      upstream,
      upstream.close().then(
        () => void closing.delete(upstream),
        () => void closing.delete(upstream),
      ),
    );
  };
  const targetOf = ({ route }: RouteEntry): RouteTarget | undefined => route.targets[protocol]?.[0];
  const open = (entry: RouteEntry, target: RouteTarget): Upstream => {
    const { chainId } = entry.route;
    const upstream = createUpstream({
      target,
      onSuspect: (cause) => {
        const current = directory.route(chainId);
        if (upstreams.get(chainId)?.upstream !== upstream || current === undefined) return;
        current.isSuspect = true;
        drop(chainId);
        log.warn({ chainId, cause }, "a chain's node ended a connection; its route is closed until it was looked at");
        wokenAt.delete(chainId);
        wake(chainId, "suspect");
      },
    });
    upstreams.set(chainId, { upstream, target: JSON.stringify(target) });
    return upstream;
  };
  const listener: DirectoryListener = {
    onAccessChange: () => undefined,
    onRoute: (next, previous) => {
      const chainId = next?.route.chainId ?? previous?.route.chainId ?? "";
      const target = next?.route.state === "open" ? targetOf(next) : undefined;
      if (upstreams.get(chainId)?.target === (target === undefined ? "" : JSON.stringify(target))) return;
      drop(chainId);
      if (next !== undefined && target !== undefined) open(next, target);
    },
  };
  directory.listen(listener);
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const { upstream } of upstreams.values()) upstream.expire(now);
    for (const upstream of closing.keys()) upstream.expire(now);
  }, sweepMs);
  sweep.unref();

  return {
    get: (entry) => upstreams.get(entry.route.chainId)?.upstream ?? null,
    wake,
    close: async () => {
      for (const chainId of [...upstreams.keys()]) drop(chainId);
      let late: NodeJS.Timeout | undefined;
      const bound = new Promise<void>((resolve) => {
        late = setTimeout(resolve, closeMs);
      });
      await Promise.race([Promise.all(closing.values()), bound]);
      clearTimeout(late);
      clearInterval(sweep);
      for (const upstream of closing.keys()) upstream.destroy();
    },
  };
};
