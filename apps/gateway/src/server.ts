import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  createClientErrorHandler,
  isFromOwnMachine,
  type Logger,
  type Metrics,
  metricsContentType,
  refusedExpectation,
} from "@portolan/kit";
import type { Grant } from "./edge/entries.ts";
import type { RouteArrivals } from "./edge/route-arrivals.ts";
import { type Admission, type Caller, isGrant, secretOf } from "./pipeline/admission.ts";
import { pathUnknownOf, type Refusal, refusals, refusedHttp, renderRefusal } from "./pipeline/refusal.ts";
import { HttpReply, type Reply } from "./pipeline/reply.ts";
import { collectBody, isWorthReading } from "./pipeline/request-body.ts";
import type { UnreadBytes } from "./pipeline/unread-bytes.ts";
import type { HttpHandler } from "./protocols/http.ts";
import { readHttpPath } from "./protocols/http-path.ts";
import type { RestHandler } from "./protocols/rest.ts";
import { readRestPath } from "./protocols/rest-route.ts";

/** Answers one whole request body (latin1 text of its bytes) on behalf of a grant. */
export type HttpProtocol = (grant: Grant, body: string, reply: Reply) => void;

export interface GatewayServerDeps {
  admission: Admission;
  arrivals: Pick<RouteArrivals, "wait">;
  /** By `ProtocolSpec.name`. */
  protocols: { readonly [name: string]: HttpProtocol };
  isReady(): boolean;
  isDraining(): boolean;
  nextRequestId(): string;
  rest: RestHandler;
  http: HttpHandler;
  /** What callers of the TLS listener must trust, PEM; `null`: nothing of ours. */
  authorityPem(): string | null;
  /** Its connections are watched. */
  unread: UnreadBytes;
  metrics: Pick<Metrics, "render">;
  log: Pick<Logger, "error">;
  /** Without progress for so long a connection ends; more than a node may take to answer JSON-RPC. */
  stalledMs?: number;
}

const preflightHeaders = [
  "Access-Control-Allow-Origin",
  "*",
  "Access-Control-Allow-Methods",
  "GET, POST",
  "Access-Control-Allow-Headers",
  "content-type, authorization, x-api-key, idempotency-key, last-event-id",
  "Access-Control-Max-Age",
  "86400",
];

/** Chain ids are short; a longer segment is nobody's. */
const maxPathLength = 512;

/** `/{chain}` or `/{chain}/{key}`, without a query. The key never goes anywhere but into the look-up. */
export const readPath = (url: string): { chainId: string; secret: string | undefined } | null => {
  if (url.length > maxPathLength || url.charCodeAt(0) !== 47) return null;
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  const slash = path.indexOf("/", 1);
  if (slash === -1) return path.length === 1 ? null : { chainId: path.slice(1), secret: undefined };
  const secret = path.slice(slash + 1);
  if (secret.includes("/")) return null;
  return { chainId: path.slice(1, slash), secret: secret === "" ? undefined : secret };
};

/** Whether a path goes on after the chain and its key: it is no call of JSON-RPC, and what is wrong may be the key. */
const isBelowChain = (url: string): boolean => /^\/[^?]/.test(readHttpPath(url)?.target ?? "");

/**
 * The HTTP side: limits, paths, key, CORS. Slow clients are cut by Node's own header and request time-outs; one
 * connection may keep at most one request in work, because HTTP/1.1 answers in order.
 */
export const createGatewayServer = (deps: GatewayServerDeps): Server => {
  const {
    admission,
    arrivals,
    protocols,
    isReady,
    isDraining,
    nextRequestId,
    rest,
    http,
    authorityPem,
    unread,
    metrics,
    log,
  } = deps;
  const { stalledMs = 45_000 } = deps;

  const plain = (res: ServerResponse, status: number, text: string): void => {
    res.writeHead(status, ["Content-Type", "text/plain; charset=utf-8", "Cache-Control", "no-store"]);
    res.end(text);
  };
  const sendAuthority = (res: ServerResponse): boolean => {
    const pem = authorityPem();
    if (pem === null) return false;
    res.writeHead(200, ["Content-Type", "application/x-pem-file", "Cache-Control", "no-store"]);
    res.end(pem);
    return true;
  };
  const sendMetrics = async (res: ServerResponse): Promise<void> => {
    const text = await metrics.render();
    res.writeHead(200, ["Content-Type", metricsContentType, "Cache-Control", "no-store"]);
    res.end(text);
  };
  /** What is wrong with the key itself, if anything is. */
  const keyRefusal = (protocol: string, chainId: string, caller: Caller): Refusal | null => {
    const found = admission.admit(protocol, chainId, caller);
    return !isGrant(found) && found.status === 401 ? found : null;
  };
  /** A chain that has paths of its own answers as those do; every other as JSON-RPC does. */
  const refusePath = (req: IncomingMessage, res: ServerResponse, reply: Reply, otherwise: Refusal): void => {
    if (onHttp(req, res, reply)) return;
    const chainId = (req.url ?? "").slice(1).split(/[/?]/, 1)[0] ?? "";
    const { headers } = req;
    const fromPath = readPath(req.url ?? "")?.secret;
    const address = req.socket.remoteAddress ?? "";
    const caller: Caller = { secret: secretOf(headers, fromPath), origin: headers.origin, address };
    const grant = admission.admit("rest", chainId, caller);
    const ofKey = isBelowChain(req.url ?? "") ? keyRefusal("rest", chainId, caller) : null;
    if (isGrant(grant)) rest.refuse(req, res, pathUnknownOf(grant.route.route.framework));
    else if (ofKey !== null) rest.refuse(req, res, ofKey);
    else reply.refuse(otherwise);
  };
  const refuseOther = (req: IncomingMessage, res: ServerResponse, reply: Reply): void => {
    const path = (req.url ?? "").split("?", 1)[0];
    if (req.method === "GET" && path === "/healthz") plain(res, 200, "ok\n");
    else if (req.method === "GET" && path === "/readyz")
      plain(res, isReady() ? 200 : 503, isReady() ? "ready\n" : "not ready\n");
    else if (req.method === "GET" && path === "/metrics" && isFromOwnMachine(req)) void sendMetrics(res);
    else if (req.method === "GET" && path === "/tls/ca.pem" && sendAuthority(res)) return;
    else if (req.method === "OPTIONS") {
      res.writeHead(204, preflightHeaders);
      res.end();
    } else if (readPath(req.url ?? "") === null) refusePath(req, res, reply, refusals.pathUnknown);
    else if (req.headers.upgrade?.toLowerCase() === "websocket") reply.refuse(refusals.webSocket);
    else refusePath(req, res, reply, refusals.methodNotPost);
  };
  /** The rest of an over-long body is not worth reading: the connection ends with the answer. */
  const refuseBody = (req: IncomingMessage, res: ServerResponse, refusal: Refusal): void => {
    const { headers } = req;
    const isShort = isWorthReading(req);
    new HttpReply(res, headers.origin !== undefined, nextRequestId, () => !isShort || isDraining(), unread).refuse(
      refusal,
    );
    req.resume();
  };
  const onPost = (req: IncomingMessage, res: ServerResponse, reply: Reply, protocol: string): void => {
    const path = readPath(req.url ?? "");
    if (path === null) {
      refusePath(req, res, reply, refusals.pathUnknown);
      return;
    }
    const { headers } = req;
    const { origin } = headers;
    const caller: Caller = { secret: secretOf(headers, path.secret), origin, address: req.socket.remoteAddress ?? "" };
    const grant = admission.admit(protocol, path.chainId, caller);
    if (grant !== refusals.chainUnknown) {
      onAdmitted(req, res, reply, protocol, grant);
      return;
    }
    // A chain that was adopted a moment ago may be called before its route has come; no client tries a 404 again. Only
    // callers with a good key get here, and nobody learns from the wait whether a chain is another's or nobody's.
    const look = (): Grant | Refusal => admission.admit(protocol, path.chainId, caller);
    arrivals.wait(
      path.chainId,
      () => look() !== refusals.chainUnknown,
      () => {
        try {
          onAdmitted(req, res, reply, protocol, look());
        } catch (err) {
          log.error({ err }, "a request failed");
          reply.refuse(refusals.internal);
        }
      },
    );
  };
  const onAdmitted = (
    req: IncomingMessage,
    res: ServerResponse,
    reply: Reply,
    protocol: string,
    grant: Grant | Refusal,
  ): void => {
    if (req.destroyed) return;
    const handle = protocols[protocol];
    if (grant === refusals.protocolMissing) {
      refusePath(req, res, reply, grant);
      req.resume();
      return;
    }
    if (!isGrant(grant)) {
      refuseBody(req, res, grant);
      return;
    }
    const { maxBodyBytes } = grant.policy;
    const declared = req.headers["content-length"];
    if (handle === undefined || (declared !== undefined && Number(declared) > maxBodyBytes)) {
      refuseBody(req, res, refusals.tooLarge);
      return;
    }
    collectBody(req, maxBodyBytes, (body) => {
      if (body === null) refuseBody(req, res, refusals.tooLarge);
      else handle(grant, body, reply);
    });
  };
  /** Paths of JSON-RPC have at most two segments, which costs it no more than a look for the third. */
  const isLong = (url = ""): boolean => url.indexOf("/", url.indexOf("/", 1) + 1) > 1;
  /** Nodes may take longer than a reader may: who has read all that was written is only waiting. */
  const cutWhoReadsNothing = (res: ServerResponse): void => {
    res.on("timeout", (socket: Socket) => {
      if (socket.writableLength > 0) socket.destroy();
    });
  };
  const onHttp = (req: IncomingMessage, res: ServerResponse, reply: Reply): boolean => {
    const path = req.method === "OPTIONS" ? null : readHttpPath(req.url ?? "");
    if (path === null) return false;
    const { headers, socket } = req;
    const secret = secretOf(headers, path.secret);
    const caller: Caller = { secret, origin: headers.origin, address: socket.remoteAddress ?? "" };
    const found = admission.protocolOf("http", path.chainId, secret)?.http;
    if (found === undefined) {
      // No other protocol has paths below a key.
      const refusal = path.secret === undefined || path.target === "" ? null : keyRefusal("http", path.chainId, caller);
      if (refusal !== null) rest.refuse(req, res, refusal);
      return refusal !== null;
    }
    cutWhoReadsNothing(res);
    http.handle({ req, res, reply, caller }, path, found);
    return true;
  };
  const onRest = (req: IncomingMessage, res: ServerResponse): boolean => {
    if (req.method === "OPTIONS") return false;
    const path = readRestPath(req.url ?? "");
    if (path === null) return false;
    cutWhoReadsNothing(res);
    rest.handle(req, res, path);
    return true;
  };
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    const reply = new HttpReply(res, req.headers.origin !== undefined, nextRequestId, isDraining, unread);
    try {
      // RFC 9112 §3.2
      if (req.headers.host === undefined && req.httpVersion === "1.1")
        reply.refuse(refusedHttp(400, "There is no Host."));
      else if (isLong(req.url) && (onHttp(req, res, reply) || onRest(req, res))) return;
      else if (req.method === "POST") onPost(req, res, reply, "json-rpc");
      else refuseOther(req, res, reply);
    } catch (err) {
      log.error({ err }, "a request failed");
      reply.refuse(refusals.internal);
    }
  };
  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 2_000,
      noDelay: true,
      // We say it ourselves, with a body.
      requireHostHeader: false,
    },
    onRequest,
  );
  // A caller that does not read its answer holds our memory.
  server.setTimeout(stalledMs);
  server.on("connection", (socket) => unread.watch(socket, () => socket.destroy()));
  server.on("checkExpectation", (req: IncomingMessage, res: ServerResponse) => {
    refuseBody(req, res, refusedHttp(refusedExpectation.status, refusedExpectation.detail));
  });
  server.on(
    "clientError",
    createClientErrorHandler(({ status, detail }) => ({
      headers: { "Content-Type": "application/json" },
      body: renderRefusal(refusedHttp(status, detail), "null", nextRequestId()),
    })),
  );
  server.maxConnections = 10_000;
  return server;
};
