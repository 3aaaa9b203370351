import { connect, type Socket } from "node:net";
import type { RouteTarget } from "@portolan/contract";
import { type Dispatcher, Pool } from "undici";

export type UpstreamHandler = Dispatcher.DispatchHandler & {
  /** Monotonic milliseconds after which the call is given up. */
  readonly deadlineMs: number;
  /** Gives the call up: answers the caller and ends the connection to the node. */
  expire(): void;
};

/** The way to one node's HTTP port: a bounded pool, and a connection that notices when the node goes. */
export interface Upstream {
  /** `false`: too many calls wait; nothing was sent. */
  send(body: Buffer | string, handler: UpstreamHandler): boolean;
  done(handler: UpstreamHandler): void;
  expire(nowMs: number): void;
  /** Lets calls in flight finish. */
  close(): Promise<void>;
}

export interface UpstreamSettings {
  target: RouteTarget;
  /** The node closed a connection, or can't be reached. Called at most once. */
  onSuspect(cause: string): void;
  maxConnections?: number;
  /** Calls in flight and waiting together. */
  maxCalls?: number;
  maxAnswerBytes?: number;
}

const dayMs = 86_400_000;
const jsonHeaders = ["content-type", "application/json"];

const addressOf = ({ via }: RouteTarget): { origin: string; path: string; host: string; port: number } => {
  if (via.kind === "address") {
    const host = via.host.includes(":") ? `[${via.host}]` : via.host;
    return { origin: `http://${host}:${via.port}`, path: "/", host: via.host, port: via.port };
  }
  const url = new URL(via.url);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  return { origin: url.origin, path: `${url.pathname}${url.search}`, host: url.hostname, port };
};

/** Errors by which we ended a connection ourselves: idle for a day, a call given up, the pool closed. */
const ownEnds = new Set([
  "UND_ERR_INFO",
  "UND_ERR_ABORTED",
  "UND_ERR_DESTROYED",
  "UND_ERR_CLOSED",
  "UND_ERR_RES_EXCEEDED_MAX_SIZE",
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";

/**
 * A node that was restarted must not be served before its state is loaded, so every connection that the node ends
 * makes the route suspect. One idle connection is always open for that, because a pool without traffic has none.
 */
export const createUpstream = (settings: UpstreamSettings): Upstream => {
  const { target, onSuspect, maxConnections = 64, maxCalls = 2_048, maxAnswerBytes = 64 * 1024 * 1024 } = settings;
  const { origin, path, host, port } = addressOf(target);
  const calls = new Set<UpstreamHandler>();
  let isEnding = false;
  const suspect = (cause: string): void => {
    if (isEnding) return;
    isEnding = true;
    sentinel?.destroy();
    onSuspect(cause);
  };
  const pool = new Pool(origin, {
    connections: maxConnections,
    pipelining: 1,
    // Connections are the node's to end; deadlines are swept here, cheaper than undici's two timers a call.
    keepAliveTimeout: dayMs,
    keepAliveMaxTimeout: dayMs,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 2_000 },
    maxResponseSize: maxAnswerBytes,
  });
  pool.on("disconnect", (_origin, _targets, error) => {
    if (!ownEnds.has(codeOf(error))) suspect(codeOf(error));
  });
  pool.on("connectionError", (_origin, _targets, error) => suspect(codeOf(error)));
  let sentinel: Socket | undefined;
  if (target.via.kind === "address") {
    sentinel = connect({ host, port, keepAlive: true, keepAliveInitialDelay: 10_000 });
    sentinel.unref();
    sentinel.on("error", (error) => suspect(codeOf(error)));
    sentinel.on("close", () => suspect("closed"));
    sentinel.on("end", () => suspect("closed"));
    sentinel.resume();
  }
  const options = { path, method: "POST" as const, headers: jsonHeaders };

  return {
    send: (body, handler) => {
      if (calls.size >= maxCalls) return false;
      calls.add(handler);
      pool.dispatch({ ...options, body }, handler);
      return true;
    },
    done: (handler) => {
      calls.delete(handler);
    },
    expire: (nowMs) => {
      // In order of sending; with one time-out per protocol the first that is in time ends the search.
      for (const handler of calls) {
        if (handler.deadlineMs > nowMs) return;
        calls.delete(handler);
        handler.expire();
      }
    },
    close: async () => {
      isEnding = true;
      sentinel?.destroy();
      await pool.close();
    },
  };
};
