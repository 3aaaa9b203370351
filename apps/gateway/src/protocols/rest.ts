import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@portolan/domain";
import type { RestAnswer, RestContext, RestRequest } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { Meter } from "@portolan/metering";
import type { DirectoryListener } from "../edge/directory.ts";
import type { PartKeys } from "../edge/part-keys.ts";
import { type Admission, type Caller, isGrant, secretOf } from "../pipeline/admission.ts";
import { isRefusal } from "../pipeline/grant.ts";
import { takeRate } from "../pipeline/rate.ts";
import { pathUnknownOf, type Refusal, refusals } from "../pipeline/refusal.ts";
import { corsHeaders, endCounted } from "../pipeline/reply.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import { createTransfers } from "../pipeline/transfer.ts";
import type { UnreadBytes } from "../pipeline/unread-bytes.ts";
import { createNodeCalls } from "./node-calls.ts";
import type { NodeSessions } from "./node-sessions.ts";
import type { RestCall } from "./rest-call.ts";
import { sendEvents } from "./rest-events.ts";
import { errorToProblem, type Problem, renderProblem, toProblem } from "./rest-problem.ts";
import { findRestRoute, type RestPath } from "./rest-route.ts";

export interface RestDeps {
  admission: Admission;
  meter: Meter;
  requests: Pick<RequestLog, "add">;
  sessions: NodeSessions;
  partKeys: PartKeys;
  clock: Clock;
  unread: Pick<UnreadBytes, "wrote" | "queue" | "unqueue">;
  isDraining(): boolean;
  nextRequestId(): string;
  log: Pick<Logger, "error">;
  maxCallsPerKey?: number;
}

export interface RestHandler {
  /** Answers one request whose path `readRestPath` took. */
  handle(req: IncomingMessage, res: ServerResponse, path: RestPath): void;
  /** Says no to a request, as callers of REST read it. */
  refuse(req: IncomingMessage, res: ServerResponse, refusal: Refusal): void;
  readonly listener: DirectoryListener;
  /** Ends streams of events. */
  endAll(): void;
}

const keyPattern = /^[\x21-\x7e]{1,255}$/;

export const sendProblem = (call: Pick<RestCall, "req" | "res" | "requestId">, problem: Problem): void => {
  const { req, res, requestId } = call;
  if (res.headersSent || res.destroyed) return;
  const text = renderProblem(problem, requestId);
  res.writeHead(problem.status, [
    "Content-Type",
    "application/problem+json",
    "Content-Length",
    String(Buffer.byteLength(text)),
    "X-Request-Id",
    requestId,
    ...(problem.retryAfterSeconds === undefined ? [] : ["Retry-After", String(problem.retryAfterSeconds)]),
    ...corsHeaders(req.headers.origin !== undefined),
  ]);
  res.end(text);
};

/** Collects a JSON body up to a bound. */
const readJson = (req: IncomingMessage, maxBytes: number): Promise<{ body: unknown } | Refusal> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    req.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) resolve(refusals.tooLarge);
      else chunks.push(chunk);
    });
    req.on("end", () => {
      try {
        resolve({ body: JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown });
      } catch {
        resolve(refusals.notJson);
      }
    });
    req.on("error", () => resolve(refusals.notJson));
  });

/** REST of frameworks: knows no path and no name; what a route does is its framework's handler. */
export const createRest = (deps: RestDeps): RestHandler => {
  const { admission, meter, requests, sessions, partKeys, clock, unread, isDraining, nextRequestId, log } = deps;
  const { maxCallsPerKey = 200 } = deps;
  const live = new Set<RestCall>();
  const perKey = new Map<string, number>();
  const transferOf = createTransfers(meter);

  const admit = (req: IncomingMessage, res: ServerResponse, path: RestPath) => {
    const { headers } = req;
    const address = req.socket.remoteAddress ?? "";
    const caller: Caller = { secret: secretOf(headers, undefined), origin: headers.origin, address };
    const grant = admission.admit("rest", path.chainId, caller);
    if (!isGrant(grant)) return grant === refusals.protocolMissing ? refusals.pathUnknown : grant;
    const { rest } = grant.protocol;
    const found = rest === undefined ? null : findRestRoute(rest, req.method ?? "", path.segments);
    if (rest === undefined || found === null) return pathUnknownOf(grant.route.route.framework);
    if (found === "method") return refusals.methodWrong;
    const startedMs = performance.now();
    const method = grant.method(found.route.name);
    if (isRefusal(method)) return method;
    const limited = takeRate(grant, method.weight, startedMs);
    if (limited !== null) {
      requests.add(grant, found.route.name, "refused", limited.rpcCode, startedMs);
      return limited;
    }
    if ((perKey.get(grant.key.key.id) ?? 0) >= maxCallsPerKey) return refusals.tooManyCalls;
    const call: RestCall = {
      ...{ grant, caller, method, req, res, startedMs },
      transfer: transferOf(grant, method.method),
      requestId: nextRequestId(),
      abort: new AbortController(),
      ending: null,
      bytes: 0,
      answers: 0,
    };
    return { call, rest, params: found.params, route: found.route };
  };

  const toContext = (call: RestCall): RestContext | null => {
    const { grant, abort } = call;
    const { route } = grant.route;
    const { grpc, rest } = grant.protocol;
    const all = route.targets["rest"] ?? [];
    const roots = grpc === undefined ? undefined : route.facts[grpc.rootsFact];
    if (grpc === undefined || roots === undefined || all.length === 0) return null;
    const calls = createNodeCalls({
      sessions,
      entry: grant.route,
      roots,
      maxAnswerBytes: grpc.maxAnswerBytes,
      targetsFor: (label) => {
        const chosen = label === undefined ? [] : all.filter((target) => grpc.selects?.(label, target) === true);
        return [...chosen, ...all.filter((target) => !chosen.includes(target))];
      },
      signal: abort.signal,
      onBytes: (sizeBytes) => {
        call.bytes += sizeBytes;
      },
      onAnswer: () => {
        call.answers += 1;
      },
    });
    return {
      chainId: route.chainId,
      facts: route.facts,
      now: () => clock.now(),
      random: (size) => new Uint8Array(randomBytes(size)),
      signal: abort.signal,
      unary: calls.unary,
      serverStream: calls.serverStream,
      identity: (name) => partKeys.get(route.chainId, rest?.identityKind ?? "", name),
    };
  };

  /** Counts what nodes answered; what follows waits for the record. */
  const record = (call: RestCall, done: (isRecorded: boolean) => void): void => {
    if (call.answers > 0) meter.add(call.method.series, call.method.quantity, 1);
    if (call.bytes > 0) meter.add(call.transfer, call.bytes, 0);
    call.bytes = 0;
    meter.afterTurn({ settle: done });
  };

  const answerJson = (call: RestCall, { status, body }: Extract<RestAnswer, { kind: "json" }>): void => {
    requests.add(call.grant, call.method.method, "ok", 0, call.startedMs);
    record(call, (isRecorded) => {
      const { req, res } = call;
      if (res.headersSent || res.destroyed) return;
      if (!isRecorded) {
        sendProblem(call, toProblem(refusals.unmetered));
        return;
      }
      const bytes = Buffer.from(JSON.stringify(body));
      res.writeHead(status, [
        "Content-Type",
        "application/json",
        "Content-Length",
        String(bytes.length),
        "Cache-Control",
        "no-store",
        "X-Request-Id",
        call.requestId,
        ...corsHeaders(req.headers.origin !== undefined),
        ...(isDraining() ? ["Connection", "close"] : []),
      ]);
      endCounted(unread, res, bytes);
    });
  };

  const answerError = (call: RestCall, error: unknown): void => {
    const problem = errorToProblem(error);
    if (problem === null) log.error({ err: error }, "a request failed");
    const shown = problem ?? toProblem(refusals.internal);
    const status = call.answers > 0 ? "error" : "failed";
    requests.add(call.grant, call.method.method, status, shown.status, call.startedMs);
    record(call, (isRecorded) => sendProblem(call, isRecorded ? shown : toProblem(refusals.unmetered)));
  };

  const run = async (call: RestCall, request: RestRequest): Promise<void> => {
    const context = toContext(call);
    const { rest } = call.grant.protocol;
    if (context === null || rest === undefined) {
      sendProblem(call, toProblem(refusals.unhealthy));
      return;
    }
    try {
      const answer = await rest.handle(request, context);
      if (answer.kind === "json") answerJson(call, answer);
      else await sendEvents({ meter, requests }, call, answer.events);
    } catch (error) {
      answerError(call, error);
    }
  };

  const start = async (admitted: Exclude<ReturnType<typeof admit>, Refusal>, path: RestPath): Promise<void> => {
    const { call, route, params } = admitted;
    const { headers } = call.req;
    const keyId = call.grant.key.key.id;
    perKey.set(keyId, (perKey.get(keyId) ?? 0) + 1);
    live.add(call);
    call.res.once("close", () => {
      live.delete(call);
      const left = (perKey.get(keyId) ?? 1) - 1;
      if (left > 0) perKey.set(keyId, left);
      else perKey.delete(keyId);
      call.abort.abort();
    });
    const read = route.method === "GET" ? { body: null } : await readJson(call.req, call.grant.policy.maxBodyBytes);
    if ("status" in read) {
      sendProblem(call, toProblem(read));
      call.req.resume();
      return;
    }
    const idempotencyKey = headers["idempotency-key"];
    const lastEventId = headers["last-event-id"];
    if (idempotencyKey !== undefined && (typeof idempotencyKey !== "string" || !keyPattern.test(idempotencyKey))) {
      sendProblem(call, toProblem(refusals.idempotencyKeyInvalid));
      return;
    }
    await run(call, {
      route: route.name,
      params,
      query: path.query,
      body: read.body,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(typeof lastEventId === "string" ? { lastEventId } : {}),
    });
  };

  const end = (call: RestCall, why: Refusal): void => {
    call.ending ??= why;
    call.abort.abort();
  };

  const refuse: RestHandler["refuse"] = (req, res, refusal) => {
    sendProblem({ req, res, requestId: nextRequestId() }, toProblem(refusal));
    req.resume();
  };

  return {
    handle: (req, res, path) => {
      const found = isDraining() ? refusals.draining : admit(req, res, path);
      if ("call" in found) {
        start(found, path).catch((err: unknown) => {
          log.error({ err }, "a request failed");
          sendProblem(found.call, toProblem(refusals.internal));
        });
        return;
      }
      refuse(req, res, found);
    },
    refuse,
    listener: {
      onRoute: () => undefined,
      onAccessChange: () => {
        for (const call of live) {
          if (!call.res.headersSent) continue;
          const found = admission.admit("rest", call.grant.route.route.chainId, call.caller);
          if (!isGrant(found)) end(call, found);
        }
      },
    },
    endAll: () => {
      for (const call of live) if (call.res.headersSent) end(call, refusals.draining);
    },
  };
};
