import { type ClientHttp2Session, connect } from "node:http2";
import { isIP, type TcpNetConnectOpts } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { RouteTarget } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { DirectoryListener } from "../edge/directory.ts";
import type { RouteEntry } from "../edge/entries.ts";

/** HTTP/2 connections to nodes, kept as long as their route names them. */
export interface NodeSessions {
  /**
   * A connection to the first of these targets that can be reached, those that are well first. At once where one is
   * open; `null`: none can be reached.
   */
  take(
    entry: RouteEntry,
    targets: readonly RouteTarget[],
    roots: string,
  ): ClientHttp2Session | null | Promise<ClientHttp2Session | null>;
  readonly listener: DirectoryListener;
  close(): void;
}

interface Node {
  readonly host: string;
  readonly port: number;
  /** What its certificate must be for. */
  readonly name: string;
  readonly roots: string;
  session: ClientHttp2Session | null;
  opening: Promise<ClientHttp2Session | null> | null;
  /** No route names it any more: what still opens ends when those who wait for it have made their calls. */
  isGone: boolean;
  /** Monotonic milliseconds. */
  failedUntilMs: number;
  backOffMs: number;
}

const backOff = { firstMs: 100, lastMs: 3_000 };
const windowBytes = 16 * 1024 * 1024;

const isUsable = (session: ClientHttp2Session | null): session is ClientHttp2Session =>
  session !== null && !session.closed && !session.destroyed;

const toTlsSocket = ({ host, port, name, roots }: Node): TLSSocket => {
  const options: ConnectionOptions & TcpNetConnectOpts = {
    host,
    port,
    ca: roots,
    ALPNProtocols: ["h2"],
    // A node that is gone without a word is noticed by the system.
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
    noDelay: true,
    ...(isIP(name) === 0 ? { servername: name } : {}),
  };
  return connectTls(options);
};

/** Calls in flight end by themselves. */
const leave = (node: Node): void => {
  node.isGone = true;
  node.session?.close();
};

export const createNodeSessions = (deps: {
  protocols: readonly string[];
  log: Pick<Logger, "info" | "warn">;
  connectMs?: number;
}): NodeSessions => {
  const { protocols, log, connectMs = 3_000 } = deps;
  const chains = new Map<string, Map<string, Node>>();

  const nodeOf = (chainId: string, target: RouteTarget, roots: string): Node | null => {
    if (target.via.kind !== "address") return null;
    const { host, port, name = host } = target.via;
    const nodes = chains.get(chainId) ?? new Map<string, Node>();
    chains.set(chainId, nodes);
    const key = `${host} ${port}`;
    const known = nodes.get(key);
    if (known !== undefined && known.roots === roots && known.name === name) return known;
    if (known !== undefined) leave(known);
    const state = { session: null, opening: null, isGone: false, failedUntilMs: 0, backOffMs: 0 };
    const node: Node = { host, port, name, roots, ...state };
    nodes.set(key, node);
    return node;
  };

  const open = (node: Node): Promise<ClientHttp2Session | null> => {
    node.opening ??= new Promise((resolve) => {
      const authority = `https://${node.host.includes(":") ? `[${node.host}]` : node.host}:${node.port}`;
      const session = connect(authority, {
        createConnection: () => toTlsSocket(node),
        settings: { enablePush: false, initialWindowSize: 1024 * 1024, maxHeaderListSize: 64 * 1024 },
        maxSessionMemory: 64,
        // Pushed streams and hosts' alternatives are none of ours.
        maxReservedRemoteStreams: 0,
      });
      const timer = setTimeout(() => session.destroy(new Error("the node did not answer in time")), connectMs);
      let cause: unknown;
      let isOpening = true;
      session.on("error", (error) => {
        cause = error;
      });
      session.once("connect", () => {
        clearTimeout(timer);
        isOpening = false;
        session.setLocalWindowSize(windowBytes);
        node.backOffMs = 0;
        node.failedUntilMs = 0;
        node.session = session;
        node.opening = null;
        // What keeps the process alive are its callers.
        session.unref();
        resolve(session);
        if (node.isGone) setImmediate(() => session.close());
      });
      // A node that says it goes away takes no new calls.
      session.once("goaway", () => {
        if (node.session === session) node.session = null;
        session.close();
      });
      session.once("close", () => {
        clearTimeout(timer);
        if (node.session === session) {
          node.session = null;
          return;
        }
        // One that said goodbye: what opens now is another.
        if (!isOpening) return;
        node.opening = null;
        node.backOffMs = Math.min(Math.max(node.backOffMs * 2, backOff.firstMs), backOff.lastMs);
        node.failedUntilMs = performance.now() + node.backOffMs;
        log.warn({ err: cause, host: node.host, port: node.port }, "a node can't be reached");
        resolve(null);
      });
    });
    return node.opening;
  };

  const openFirst = async (nodes: readonly Node[]): Promise<ClientHttp2Session | null> => {
    const now = performance.now();
    // Those that failed a moment ago come last, and are still tried: there may be nobody else.
    const ordered = [
      ...nodes.filter((node) => node.failedUntilMs <= now),
      ...nodes.filter((node) => node.failedUntilMs > now),
    ];
    for (const node of ordered) {
      const session = isUsable(node.session) ? node.session : await open(node);
      if (session !== null) return session;
    }
    return null;
  };

  const forget = (chainId: string, isKept: (node: Node) => boolean): void => {
    const nodes = chains.get(chainId);
    if (nodes === undefined) return;
    for (const [name, node] of nodes) {
      if (isKept(node)) continue;
      nodes.delete(name);
      leave(node);
    }
    if (nodes.size === 0) chains.delete(chainId);
  };

  return {
    take: (entry, targets, roots) => {
      const nodes: Node[] = [];
      for (const target of targets) {
        const node = nodeOf(entry.route.chainId, target, roots);
        if (node === null) continue;
        // The first that was asked for, if it is open: callers keep to one node.
        if (nodes.length === 0 && isUsable(node.session)) return node.session;
        nodes.push(node);
      }
      return nodes.length === 0 ? null : openFirst(nodes);
    },
    listener: {
      onAccessChange: () => undefined,
      onRoute: (next, previous) => {
        const chainId = next?.route.chainId ?? previous?.route.chainId ?? "";
        const targets = next === undefined ? [] : protocols.flatMap((name) => next.route.targets[name] ?? []);
        forget(chainId, ({ host, port }) =>
          targets.some(({ via }) => via.kind === "address" && via.host === host && via.port === port),
        );
      },
    },
    close: () => {
      for (const chainId of [...chains.keys()]) {
        for (const node of chains.get(chainId)?.values() ?? []) node.session?.destroy();
        chains.delete(chainId);
      }
    },
  };
};
