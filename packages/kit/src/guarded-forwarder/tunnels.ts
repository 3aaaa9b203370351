import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { DomainError } from "@portolan/domain";
import type { Logger } from "../log.ts";
import { createGuardedConnect, type GuardedConnectSettings } from "./guarded-connect.ts";
import type { Permits } from "./permit.ts";

export interface TunnelSettings {
  permits: Pick<Permits, "verify">;
  /** Whether the addresses may be private: the operator's word for all of them. */
  allowPrivate?: boolean;
  dial?: Pick<GuardedConnectSettings, "resolve" | "connect" | "timeoutMs">;
  /** At a time; 512 altogether and 32 of a chain unless told. */
  maxOpen?: number;
  maxOpenOfChain?: number;
  /** A connection on which nothing moves for so long is closed; 5 min unless told (gRPC's pings come each minute). */
  idleMs?: number;
  /** Monotonic milliseconds. */
  now?: () => number;
}

export interface Tunnels {
  /** For an HTTP server's `connect` event. */
  open(request: IncomingMessage, client: Duplex, head: Buffer): void;
  close(): void;
}

const authorization = /^Permit (\S{1,200})$/;

const answer = (client: Duplex, status: string, reason: string): void => {
  client.end(`HTTP/1.1 ${status}\r\nportolan-reason: ${reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
};

/** Peers try again and again: of a chain the same trouble is said once in so long, with how often it came since. */
const repeatMs = 60_000;
const maxKept = 1_000;

const createTroubleLog = (log: Pick<Logger, "warn">, now: () => number) => {
  const said = new Map<string, { at: number; repeated: number }>();
  return (chainId: string, reason: string): void => {
    const key = `${chainId} ${reason}`;
    const last = said.get(key);
    if (last !== undefined && now() - last.at < repeatMs) {
      last.repeated += 1;
      return;
    }
    said.delete(key);
    said.set(key, { at: now(), repeated: 0 });
    // The eldest goes first.
    for (const kept of said.keys()) {
      if (said.size <= maxKept) break;
      said.delete(kept);
    }
    log.warn(
      { chainId, reason, ...(last === undefined ? {} : { repeated: last.repeated }) },
      "a chaincode at a customer's own address was not reached",
    );
  };
};

/** Both ends live and die together. A half-closed connection is one that has nothing more to say: gRPC has none. */
const join = (client: Duplex, upstream: Socket, idleMs: number): void => {
  const end = (): void => {
    client.destroy();
    upstream.destroy();
  };
  upstream.setTimeout(idleMs, end);
  for (const side of [client, upstream]) side.once("error", end).once("close", end);
  client.pipe(upstream);
  upstream.pipe(client);
};

/**
 * `CONNECT host:port` with a permit for that very address: the bytes go through as they are, in both directions, to the
 * address that the guard checked for this connection.
 */
export const createTunnels = (settings: TunnelSettings, log: Pick<Logger, "warn">): Tunnels => {
  const { permits, allowPrivate = false, maxOpen = 512, maxOpenOfChain = 32, idleMs = 300_000 } = settings;
  const dial = createGuardedConnect({ ...settings.dial, allowPrivate });
  const sayTrouble = createTroubleLog(log, settings.now ?? (() => performance.now()));
  const open = new Map<Duplex, string>();
  let isClosed = false;

  const isBusy = (chainId: string): boolean =>
    open.size >= maxOpen || [...open.values()].filter((owner) => owner === chainId).length >= maxOpenOfChain;

  const go = async (chainId: string, address: string, client: Duplex, head: Buffer): Promise<void> => {
    try {
      const upstream = await dial(address);
      if (isClosed || client.destroyed) return void upstream.destroy();
      client.once("close", () => upstream.destroy());
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      if (head.length > 0) upstream.write(head);
      return join(client, upstream, idleMs);
    } catch (error) {
      const { code, detail = "" } = error instanceof DomainError ? error : { code: "unavailable" };
      sayTrouble(chainId, `${code}: ${detail}`);
      // Of a forbidden address no more than that it is: a detail would tell how names resolve in here.
      if (code === "address.forbidden") return answer(client, "403 Forbidden", code);
      return answer(client, "502 Bad Gateway", /^E?[A-Z0-9_]{1,40}$/.test(detail) ? detail : "failed");
    }
  };

  return {
    open: (request, client, head) => {
      client.on("error", () => client.destroy());
      const address = request.url ?? "";
      const [, permit = ""] = authorization.exec(request.headers["proxy-authorization"] ?? "") ?? [];
      const chainId = permits.verify(permit, address);
      if (chainId === undefined) return answer(client, "407 Proxy Authentication Required", "permit");
      if (isClosed || isBusy(chainId)) return answer(client, "503 Service Unavailable", "busy");
      open.set(client, chainId);
      client.once("close", () => open.delete(client));
      go(chainId, address, client, head).catch(() => client.destroy());
      return undefined;
    },
    close: () => {
      isClosed = true;
      for (const client of open.keys()) client.destroy();
    },
  };
};
