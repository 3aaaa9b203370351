import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import { transferSku } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import type { Meter, MeterSeries } from "@portolan/metering";
import type { DirectoryListener } from "../edge/directory.ts";
import type { Grant } from "../edge/entries.ts";
import { type Admission, type Caller, isGrant, secretOf } from "../pipeline/admission.ts";
import { isRefusal } from "../pipeline/grant.ts";
import { takeRate } from "../pipeline/rate.ts";
import { invalidRequest, type Refusal, refusals } from "../pipeline/refusal.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import { type AdmittedCall, type GrpcCallDeps, refuseStream } from "./grpc-call.ts";
import type { ServerCertificates } from "./grpc-certificates.ts";
import { parseGrpcName } from "./grpc-name.ts";
import { parseTimeout, toGrpcStatus } from "./grpc-status.ts";
import { StreamCall } from "./grpc-stream.ts";
import { UnaryCall } from "./grpc-unary.ts";
import type { NodeSessions } from "./node-sessions.ts";

export interface GrpcDeps {
  admission: Admission;
  meter: Meter;
  requests: Pick<RequestLog, "add">;
  sessions: NodeSessions;
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

interface Connection {
  serverName: string;
  address: string;
  /** Decides which of several nodes its calls go to. */
  ordinal: number;
}

interface LiveStream {
  grant: Grant;
  caller: Caller;
  call: StreamCall;
}

const protocolName = "grpc";

const metadataBytesOf = (headers: IncomingHttpHeaders): number => {
  let sum = 0;
  for (const [name, value] of Object.entries(headers))
    sum += name.length + (Array.isArray(value) ? value.join(",").length : (value?.length ?? 0)) + 32;
  return sum;
};

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

const rotated = <Item>(items: readonly Item[], by: number): readonly Item[] => {
  const start = items.length === 0 ? 0 : by % items.length;
  return start === 0 ? items : [...items.slice(start), ...items.slice(0, start)];
};

/** gRPC over TLS: the chain is the server name, the key is metadata. Knows no service; the framework's policy does. */
export const createGrpcProtocol = (deps: GrpcDeps): GrpcProtocol => {
  const { admission, meter, requests, sessions, certificates, domain, isDraining, nextRequestId, log } = deps;
  const bounds = { ...usualBounds, ...deps.bounds };
  const connections = new Map<ServerHttp2Session, Connection>();
  const streams = new Set<LiveStream>();
  const callsByKey = createCounts();
  const streamsByKey = createCounts();
  const heldByKey = createCounts();
  const transfers = new WeakMap<Grant, Map<string, MeterSeries>>();
  let heldBytes = 0;
  let ordinal = 0;

  const callDeps: GrpcCallDeps = {
    meter,
    requests,
    sessions,
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

  const transferOf = (grant: Grant, method: string): MeterSeries => {
    const known = transfers.get(grant) ?? new Map<string, MeterSeries>();
    transfers.set(grant, known);
    const found = known.get(method);
    if (found !== undefined) return found;
    const { key, route } = grant;
    const series = meter.series({
      tenantId: route.route.tenantId,
      appId: route.route.appId,
      subject: { type: "chain", id: route.route.chainId },
      regionId: route.route.regionId,
      sku: transferSku,
      dims: {},
      keyId: key.key.id,
      method,
    });
    known.set(method, series);
    return series;
  };

  /** Everything between the headers and the first byte of the body. */
  const admit = (
    headers: IncomingHttpHeaders,
    connection: Connection,
    startedMs: number,
  ): { grant: Grant; caller: Caller; call: Omit<AdmittedCall, "stream" | "onOver">; isStream: boolean } | Refusal => {
    if (metadataBytesOf(headers) > bounds.metadataBytes) return refusals.metadataTooLarge;
    const name = parseGrpcName(connection.serverName, domain);
    if (name === null) return refusals.serverNameUnknown;
    const caller: Caller = { secret: secretOf(headers, undefined), origin: undefined, address: connection.address };
    const grant = admission.admit(protocolName, name.chainId, caller);
    if (!isGrant(grant)) return grant;
    const { grpc } = grant.protocol;
    if (grpc === undefined) return refusals.chainUnknown;
    const path = headers[":path"] ?? "";
    const method = grant.method(path.slice(1));
    const refused = (found: Refusal): Refusal => {
      requests.add(grant, path.slice(1), "refused", toGrpcStatus(found), startedMs);
      return found;
    };
    if (isRefusal(method)) return refused(method);
    const timeoutMs = parseTimeout(headers["grpc-timeout"] as string | undefined);
    if (timeoutMs === null) return refused(invalidRequest("The deadline is malformed."));
    const encoding = headers["grpc-encoding"];
    if (encoding !== undefined && encoding !== "identity")
      return refused(invalidRequest("Compressed messages are not taken."));
    const limited = takeRate(grant, method.weight, startedMs);
    if (limited !== null) return refused(limited);
    const keyId = grant.key.key.id;
    const isStream = grpc.isStream(method.method);
    if (callsByKey.get(keyId) >= bounds.callsPerKey || (isStream && streamsByKey.get(keyId) >= bounds.streamsPerKey))
      return refused(refusals.tooManyCalls);
    const roots = grant.route.route.facts[grpc.rootsFact];
    const all = grant.route.route.targets[protocolName] ?? [];
    const { label } = name;
    const chosen = label === undefined ? all : all.filter((target) => grpc.selects?.(label, target) === true);
    if (chosen.length === 0 && all.length > 0) return refused(refusals.serverNameUnknown);
    if (chosen.length === 0 || roots === undefined) return refused(refusals.unhealthy);
    return {
      grant,
      caller,
      isStream,
      call: {
        grant,
        method,
        path,
        check: (message) => grpc.check?.(method.method, message) ?? null,
        targets: rotated(chosen, connection.ordinal),
        roots,
        maxRequestBytes: grant.policy.maxBodyBytes,
        maxAnswerBytes: grpc.maxAnswerBytes,
        transfer: transferOf(grant, method.method),
        startedMs,
        deadlineMs: startedMs + Math.min(timeoutMs, isStream ? bounds.streamMs : grant.policy.timeoutMs),
      },
    };
  };

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
      const found = admission.admit(protocolName, grant.route.route.chainId, caller);
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
