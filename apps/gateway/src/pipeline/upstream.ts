import { connect, type Socket } from "node:net";
import type { RouteTarget } from "@portolan/contract";
import { toNodeAddress } from "./node-address.ts";
import type { NodeRequest } from "./node-connection.ts";
import { createNodePool } from "./node-pool.ts";

/** The way to one node's HTTP port: a bounded pool, and a connection that notices when the node goes. */
export interface Upstream {
  /** `body`: latin1 text of its bytes. `false`: too many calls wait; nothing was sent. */
  send(body: string, call: NodeRequest): boolean;
  /** Gives up what is late; called on a timer. */
  expire(nowMs: number): void;
  /** Lets calls in flight finish. */
  close(): Promise<void>;
  /** Ends everything now; calls in flight are lost. */
  destroy(): void;
}

export interface UpstreamSettings {
  target: RouteTarget;
  /** The node closed a connection, or can't be reached. Called at most once. */
  onSuspect(cause: string): void;
  maxConnections?: number;
  /** Calls in flight and waiting together. */
  maxCalls?: number;
  maxAnswerBytes?: number;
  /** Monotonic milliseconds. */
  now?: () => number;
}

const connectMs = 2_000;

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";

/**
 * A node that was restarted must not be served before its state is loaded, so every connection that the node ends
 * makes the route suspect, and calls that wait are not sent. One idle connection is always open for that, because a
 * pool without traffic has none.
 */
export const createUpstream = (settings: UpstreamSettings): Upstream => {
  const {
    target,
    onSuspect,
    maxConnections = 64,
    maxCalls = 2_048,
    maxAnswerBytes = 64 * 1024 * 1024,
    now = () => performance.now(),
  } = settings;
  let isEnding = false;
  const suspect = (cause: string): void => {
    if (isEnding) {
      // The route closed before; what still waits is not for a node that may have been started again since.
      pool.dropWaiting();
      return;
    }
    isEnding = true;
    sentinel?.destroy();
    onSuspect(cause);
    pool.dropWaiting();
  };
  const address = toNodeAddress(target);
  const pool = createNodePool({
    address,
    maxConnections,
    maxCalls,
    maxAnswerBytes,
    connectMs,
    onTrouble: suspect,
    now,
  });
  let sentinel: Socket | undefined;
  if (target.via.kind === "address") {
    const { host, port } = address;
    sentinel = connect({ host, port, keepAlive: true, keepAliveInitialDelay: 10_000 });
    sentinel.unref();
    sentinel.on("error", (error) => suspect(codeOf(error)));
    sentinel.on("close", () => suspect("closed"));
    sentinel.on("end", () => suspect("closed"));
    sentinel.resume();
  }
  const end = (): void => {
    isEnding = true;
    sentinel?.destroy();
  };

  return {
    send: pool.send,
    expire: pool.sweep,
    close: () => {
      end();
      return pool.close();
    },
    destroy: () => {
      end();
      pool.destroy();
    },
  };
};
