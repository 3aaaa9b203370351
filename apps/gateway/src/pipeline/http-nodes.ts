import type { RouteTarget } from "@portolan/contract";
import type { Directory, DirectoryListener } from "../edge/directory.ts";
import { type NodeAddress, toNodeAddress } from "./node-address.ts";
import { createNodePool, type NodePool } from "./node-pool.ts";

/** One of a chain's nodes that are called by verb and path. */
export interface HttpNode {
  readonly name: string;
  readonly address: NodeAddress;
  readonly pool: NodePool;
  /** It can't be reached: until a while is over, others are asked first. */
  failed(): void;
}

/** Connections to nodes that may close them when they like: a chain has several, and one goes for another. */
export interface HttpNodes {
  /**
   * The nodes of a chain as they are to be asked for a caller: while it can be reached, the same one first, so that what
   * it has written is what it reads. None while the chain's route is not open.
   */
  order(chainId: string, callerId: string): readonly HttpNode[];
  readonly listener: DirectoryListener;
  close(): Promise<void>;
}

interface Member extends HttpNode {
  /** Monotonic milliseconds. */
  failedUntilMs: number;
}

const connectMs = 2_000;
const avoidedMs = 2_000;
/** Callers are gone when this runs out. */
const closeMs = 1_000;

/** FNV-1a, for spreading only. */
const spread = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
};

export const createHttpNodes = (deps: {
  /** Of the route's targets. */
  protocol: string;
  directory: Pick<Directory, "route">;
  maxAnswerBytes?: number;
  maxConnections?: number;
  /** In flight and waiting, a node. */
  maxCalls?: number;
  sweepMs?: number;
}): HttpNodes => {
  const {
    protocol,
    directory,
    maxAnswerBytes = 1024 * 1024,
    maxConnections = 48,
    maxCalls = 1_024,
    sweepMs = 250,
  } = deps;
  const chains = new Map<string, Map<string, Member>>();
  /** Of routes that have changed: their calls end or expire like others. */
  const closing = new Map<NodePool, Promise<void>>();

  const open = (target: RouteTarget): Member => {
    const address = toNodeAddress(target);
    const member: Member = {
      name: target.node,
      address,
      failedUntilMs: 0,
      failed: () => {
        member.failedUntilMs = performance.now() + avoidedMs;
      },
      pool: createNodePool({
        address,
        maxConnections,
        maxCalls,
        maxAnswerBytes,
        connectMs,
        now: () => performance.now(),
        onTrouble: (_cause, wasOpen) => {
          if (!wasOpen) member.failed();
        },
      }),
    };
    return member;
  };
  const drop = (pool: NodePool): void => {
    const end = (): void => void closing.delete(pool);
    closing.set(pool, pool.close().then(end, end));
  };
  const membersOf = (chainId: string): Member[] => {
    // As it is now: since the call was admitted its body has come, and the route may have changed.
    const route = directory.route(chainId)?.route;
    if (route?.state !== "open") return [];
    const members = chains.get(route.chainId) ?? new Map<string, Member>();
    chains.set(route.chainId, members);
    return (route.targets[protocol] ?? []).map((target) => {
      const key = JSON.stringify([target.node, target.via]);
      const member = members.get(key) ?? open(target);
      members.set(key, member);
      return member;
    });
  };
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const members of chains.values()) for (const { pool } of members.values()) pool.sweep(now);
    for (const pool of closing.keys()) pool.sweep(now);
  }, sweepMs);
  sweep.unref();

  const forget = (chainId: string, isKept: (key: string) => boolean): void => {
    const members = chains.get(chainId);
    if (members === undefined) return;
    for (const [key, { pool }] of members) {
      if (isKept(key)) continue;
      members.delete(key);
      drop(pool);
    }
    if (members.size === 0) chains.delete(chainId);
  };

  return {
    order: (chainId, callerId) => {
      const members = membersOf(chainId);
      if (members.length < 2) return members;
      const now = performance.now();
      const rank = (member: Member): number => spread(`${callerId} ${member.name}`);
      const isAvoided = (member: Member): number => (member.failedUntilMs > now ? 1 : 0);
      return members.sort((one, other) => isAvoided(one) - isAvoided(other) || rank(one) - rank(other));
    },
    listener: {
      onAccessChange: () => undefined,
      onRoute: (next, previous) => {
        const chainId = next?.route.chainId ?? previous?.route.chainId ?? "";
        const targets = next?.route.state === "open" ? (next.route.targets[protocol] ?? []) : [];
        const kept = new Set(targets.map(({ node, via }) => JSON.stringify([node, via])));
        forget(chainId, (key) => kept.has(key));
      },
    },
    close: async () => {
      for (const chainId of [...chains.keys()]) forget(chainId, () => false);
      let late: NodeJS.Timeout | undefined;
      const bound = new Promise<void>((resolve) => {
        late = setTimeout(resolve, closeMs);
      });
      await Promise.race([Promise.all(closing.values()), bound]);
      clearTimeout(late);
      clearInterval(sweep);
      for (const pool of closing.keys()) pool.destroy();
    },
  };
};
