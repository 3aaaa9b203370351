import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Logger } from "@portolan/kit";
import type { Meter } from "@portolan/metering";
import type { DirectoryListener } from "../edge/directory.ts";
import type { Grant } from "../edge/entries.ts";
import { type Admission, type Caller, isGrant } from "../pipeline/admission.ts";
import { refusals } from "../pipeline/refusal.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import type { UnreadBytes } from "../pipeline/unread-bytes.ts";
import { createGrpcAdmission, type GrpcConnection, grpcProtocolName } from "./grpc-admission.ts";
import { type GrpcCallDeps, refuseStream } from "./grpc-call.ts";
import type { ServerCertificates } from "./grpc-certificates.ts";
import { StreamCall } from "./grpc-stream.ts";
import { UnaryCall } from "./grpc-unary.ts";
import type { NodeSessions } from "./node-sessions.ts";

export interface GrpcDeps {
  admission: Admission;
  meter: Meter;
  requests: Pick<RequestLog, "add">;
  sessions: NodeSessions;
  unread: Pick<UnreadBytes, "watch" | "wrote">;
  certificates: ServerCertificates;
  domain: string;
  isDraining(): boolean;
  nextRequestId(): string;
  log: Pick<Logger, "warn" | "error">;
  bounds?: Partial<GrpcBounds>;
}

export interface GrpcBounds {
  connections: number;
  /** Calls at once on a connection. */
  concurrentCalls: number;
  callsPerKey: number;
  streamsPerKey: number;
  metadataBytes: number;
  /** Request bytes in memory. */
  heldBytes: number;
  heldBytesPerKey: number;
  /** A stream ends after so long at the latest; its caller opens another. */
  streamMs: number;
  idleMs: number;
}

const usualBounds: GrpcBounds = {
  connections: 5_000,
  concurrentCalls: 250,
  callsPerKey: 1_000,
  streamsPerKey: 100,
  metadataBytes: 16 * 1024,
  heldBytes: 256 * 1024 * 1024,
  heldBytesPerKey: 64 * 1024 * 1024,
  streamMs: 86_400_000,
  idleMs: 600_000,
};

export interface GrpcProtocol {
  readonly server: Http2SecureServer;
  /** Ends streams that may not go on. Register it with the directory. */
  readonly listener: DirectoryListener;
  /** Tells every caller to go elsewhere; streams end, calls finish. */
  drain(): void;
  /** Ends everything now. */
  destroy(): void;
}

interface LiveStream {
  grant: Grant;
  caller: Caller;
  call: StreamCall;
}

/** Counts by key, without keys that have nothing. */
const createCounts = () => {
  const counts = new Map<string, number>();
  return {
    get: (key: string) => counts.get(key) ?? 0,
    add: (key: string, amount: number) => {
      const next = (counts.get(key) ?? 0) + amount;
      if (next > 0) counts.set(key, next);
      else counts.delete(key);
    },
  };
};

/** gRPC over TLS: the chain is the server name, the key is metadata. Knows no service; the framework's policy does. */
export const createGrpcProtocol = (deps: GrpcDeps): GrpcProtocol => {
  const { admission, meter, requests, sessions, unread, certificates, domain, isDraining, nextRequestId, log } = deps;
  const bounds = { ...usualBounds, ...deps.bounds };
  const connections = new Map<ServerHttp2Session, GrpcConnection>();
  const streams = new Set<LiveStream>();
  const callsByKey = createCounts();
  const streamsByKey = createCounts();
  const heldByKey = createCounts();
  let heldBytes = 0;
  let ordinal = 0;

  const callDeps: GrpcCallDeps = {
    meter,
    requests,
    sessions,
    unread,
    nextRequestId,
    hold: (keyId, sizeBytes) => {
      if (heldBytes + sizeBytes > bounds.heldBytes) return false;
      if (heldByKey.get(keyId) + sizeBytes > bounds.heldBytesPerKey) return false;
      heldBytes += sizeBytes;
      heldByKey.add(keyId, sizeBytes);
      return true;
    },
    letGo: (keyId, sizeBytes) => {
      heldBytes -= sizeBytes;
      heldByKey.add(keyId, -sizeBytes);
    },
  };

  const admit = createGrpcAdmission({
    ...{ admission, meter, requests, domain },
    metadataBytes: bounds.metadataBytes,
    streamMs: bounds.streamMs,
    hasRoom: (keyId, isStream) =>
      callsByKey.get(keyId) < bounds.callsPerKey && (!isStream || streamsByKey.get(keyId) < bounds.streamsPerKey),
  });

  const onStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    // A caller that resets its call has nobody to tell.
    stream.on("error", () => undefined);
    const startedMs = performance.now();
    const connection = stream.session === undefined ? undefined : connections.get(stream.session as ServerHttp2Session);
    if (connection === undefined) {
      stream.destroy();
      return;
    }
    const type = headers["content-type"];
    if (headers[":method"] !== "POST" || type === undefined || !type.startsWith("application/grpc")) {
      stream.respond({ ":status": 415 }, { endStream: true });
      stream.resume();
      return;
    }
    const found = isDraining() ? refusals.draining : admit(headers, connection, startedMs);
    if (!("call" in found)) {
      refuseStream(stream, found, nextRequestId());
      return;
    }
    const keyId = found.grant.key.key.id;
    callsByKey.add(keyId, 1);
    if (!found.isStream) {
      new UnaryCall(callDeps, { ...found.call, stream, onOver: () => callsByKey.add(keyId, -1) });
      return;
    }
    streamsByKey.add(keyId, 1);
    const onOver = (): void => {
      callsByKey.add(keyId, -1);
      streamsByKey.add(keyId, -1);
      streams.delete(live);
    };
    const call = new StreamCall(callDeps, { ...found.call, stream, onOver });
    const live: LiveStream = { grant: found.grant, caller: found.caller, call };
    streams.add(live);
    call.run();
  };

  const server = createSecureServer({
    ...certificates.fallback(),
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    handshakeTimeout: 10_000,
    SNICallback: (serverName, done) => {
      certificates.contextFor(serverName).then(
        (context) => done(null, context),
        (error: Error) => done(error),
      );
    },
    maxSessionMemory: 32,
    maxHeaderListPairs: 64,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    settings: {
      maxConcurrentStreams: bounds.concurrentCalls,
      initialWindowSize: 256 * 1024,
      maxHeaderListSize: bounds.metadataBytes,
      enablePush: false,
    },
  });
  server.maxConnections = bounds.connections;
  server.on("session", (session) => {
    const socket = session.socket as TLSSocket & { servername?: string | false };
    connections.set(session, {
      serverName: typeof socket.servername === "string" ? socket.servername : "",
      address: socket.remoteAddress ?? "",
      ordinal: ordinal++,
    });
    session.setLocalWindowSize(8 * 1024 * 1024);
    session.on("error", () => undefined);
    session.setTimeout(bounds.idleMs, () => {
      const isIdle = ![...streams].some(({ call }) => call.session === session);
      if (isIdle) session.close();
    });
    session.once("close", () => connections.delete(session));
    if (isDraining()) session.close();
  });
  server.on("stream", (stream, headers) => {
    try {
      onStream(stream, headers);
    } catch (err) {
      log.error({ err }, "a gRPC call failed");
      refuseStream(stream, refusals.internal, nextRequestId());
    }
  });
  server.on("sessionError", () => undefined);
  server.on("tlsClientError", () => undefined);
  server.on("error", (err) => log.warn({ err }, "the gRPC listener failed"));

  let isRecheckDue = false;
  const recheck = (): void => {
    isRecheckDue = false;
    for (const { grant, caller, call } of streams) {
      const found = admission.admit(grpcProtocolName, grant.route.route.chainId, caller);
      if (!isGrant(found)) call.refuse(found);
    }
  };
  return {
    server,
    listener: {
      onRoute: () => undefined,
      // Changes come in crowds (a snapshot): looked at once.
      onAccessChange: () => {
        if (isRecheckDue || streams.size === 0) return;
        isRecheckDue = true;
        setImmediate(recheck);
      },
    },
    drain: () => {
      for (const { call } of streams) call.refuse(refusals.draining);
      for (const session of connections.keys()) session.close();
    },
    destroy: () => {
      for (const session of connections.keys()) session.destroy();
    },
  };
};
