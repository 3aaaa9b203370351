import type { IncomingMessage } from "node:http";
import { type HttpMatch, type HttpProtocol, matchHttp } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { DirectoryListener } from "../edge/directory.ts";
import type { Grant } from "../edge/entries.ts";
import { type Admission, isGrant } from "../pipeline/admission.ts";
import { isRefusal } from "../pipeline/grant.ts";
import type { HttpNodes } from "../pipeline/http-nodes.ts";
import { takeRate } from "../pipeline/rate.ts";
import {
  malformedRequest,
  methodDenied,
  outOfBounds,
  type Refusal,
  refusalHeaders,
  refusals,
} from "../pipeline/refusal.ts";
import { collectBody, isWorthReading } from "../pipeline/request-body.ts";
import { readJsonBody } from "./http-body.ts";
import { answerHeaders, HttpCall, type HttpCallDeps } from "./http-call.ts";
import type { HttpPath } from "./http-path.ts";
import type { HttpRequest } from "./http-request.ts";
import { type HttpStream, LineStream } from "./http-stream.ts";
import { sendProblem } from "./rest.ts";
import { toProblem } from "./rest-problem.ts";

export interface HttpDeps extends HttpCallDeps {
  admission: Admission;
  nodes: HttpNodes;
  isDraining(): boolean;
  nextRequestId(): string;
  log: Pick<Logger, "error">;
}

export interface HttpHandler {
  /** Answers one request to a chain whose nodes are called by verb and path; `http` is its protocol. */
  handle(from: Pick<HttpRequest, "req" | "res" | "reply" | "caller">, path: HttpPath, http: HttpProtocol): void;
  /** Ends streams that may not go on. Register it with the directory. */
  readonly listener: DirectoryListener;
  /** Ends all streams. */
  endAll(): void;
}

type Judged = { refusal: Refusal; name: string } | Pick<HttpRequest, "route" | "method" | "weight" | "target">;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** Why there is no route, as a refusal. */
const toRefusal = (found: Exclude<HttpMatch, { kind: "route" }>, framework: string): Refusal => {
  if (found.kind === "malformed") return malformedRequest(found.message, found.hint);
  if (found.kind === "verb") return { ...refusals.methodWrong, hint: `Use ${[...new Set(found.verbs)].join(" or ")}.` };
  return methodDenied({ reason: found.reason }, framework);
};

/** Nodes that are called by verb and path: knows no path and no name; what may pass is its framework's table. */
export const createHttp = (deps: HttpDeps): HttpHandler => {
  const { admission, nodes, requests, isDraining, nextRequestId, log } = deps;
  const streams = new Set<HttpStream>();

  /** In the form that the chain's clients read; the connection goes when a body is left that is too long to be read. */
  const refuseAs = (
    { req, res, reply }: Pick<HttpRequest, "req" | "res" | "reply">,
    render: HttpProtocol["renderProblem"],
    refusal: Refusal,
  ): void => {
    const requestId = nextRequestId();
    const problem = toProblem(refusal);
    if (!req.complete && hasBody(req) && !isWorthReading(req)) res.shouldKeepAlive = false;
    if (render === undefined) sendProblem({ req, res, requestId }, problem);
    else {
      const { status, code, message, hint, retryAfterSeconds } = { ...refusal, status: problem.status };
      const known = { status, code, message, hint, requestId };
      const text = render({ ...known, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });
      const headers = [...refusalHeaders(refusal), ...answerHeaders, "X-Request-Id", requestId];
      reply.json(status, Buffer.from(text, "utf8").toString("latin1"), headers);
    }
    req.resume();
  };

  const openStream = (request: HttpRequest): void => {
    const rule = request.route.stream;
    const bounds = request.grant.protocol.http?.maxStreams;
    if (rule === undefined || bounds === undefined) return;
    const { key, route } = request.grant;
    const { chainId } = route.route;
    let ofKey = 0;
    let ofChain = 0;
    for (const { request: other } of streams) {
      if (other.grant.route.route.chainId === chainId) ofChain += 1;
      if (other.grant.key === key) ofKey += 1;
    }
    if (ofKey >= bounds.perKey || ofChain >= bounds.perChain) {
      request.refuse(refusals.tooManyCalls);
      return;
    }
    const stream = new LineStream(deps, request, rule);
    streams.add(stream);
    request.res.once("close", () => streams.delete(stream));
    void stream.run(nodes.order(chainId, key.key.id));
  };

  const send = (request: HttpRequest, body: string): void => {
    const { grant, route } = request;
    if (route.stream !== undefined) openStream(request);
    else HttpCall.start(deps, request, body, nodes.order(grant.route.route.chainId, grant.key.key.id));
  };

  const takeBody = (request: HttpRequest): void => {
    const { route, req } = request;
    const { maxBodyBytes = 0, check } = route;
    if (route.verb === "GET") {
      if (hasBody(req)) request.refuse(malformedRequest("A GET has no body.", "Send it without one."));
      else send(request, "");
      return;
    }
    if (Number(req.headers["content-length"] ?? 0) > maxBodyBytes) {
      request.refuse(refusals.tooLarge);
      return;
    }
    collectBody(req, maxBodyBytes, (text) => {
      const read = text === null ? null : readJsonBody(text);
      if (text === null || read === null) request.refuse(refusals.tooLarge);
      else if (read === "malformed") request.refuse(refusals.notJson);
      else if (read === "ambiguous")
        request.refuse(malformedRequest("A name stands twice in an object.", "Name each member once."));
      else {
        const problem = check?.(read.body) ?? null;
        if (problem === null) send(request, text);
        else request.refuse(outOfBounds(problem));
      }
    });
  };

  /** Finds the route of a request and takes what it costs out of the key's rate. */
  const judge = (http: HttpProtocol, grant: Grant, verb: string, target: string, startedMs: number): Judged => {
    const { framework, facts } = grant.route.route;
    const found = matchHttp(http, verb, target, facts);
    if (found.kind !== "route") return { refusal: toRefusal(found, framework), name: "" };
    const { route, query } = found;
    const method = grant.method(route.name);
    if (isRefusal(method)) return { refusal: method, name: route.name };
    const weight = method.weight + (route.surcharge?.(query) ?? 0);
    const limited = takeRate(grant, weight, startedMs);
    if (limited !== null) return { refusal: limited, name: route.name };
    return { route, method, weight, target: found.target };
  };

  const handle: HttpHandler["handle"] = (from, path, http) => {
    const startedMs = performance.now();
    const refuse = (refusal: Refusal): void => refuseAs(from, http.renderProblem, refusal);
    const grant = isDraining() ? refusals.draining : admission.admit("http", path.chainId, from.caller);
    if (!isGrant(grant)) {
      refuse(grant);
      return;
    }
    const judged = judge(http, grant, from.req.method ?? "", path.target, startedMs);
    if ("refusal" in judged) {
      requests.add(grant, judged.name, "refused", toProblem(judged.refusal).status, startedMs);
      refuse(judged.refusal);
      return;
    }
    try {
      takeBody({ ...from, ...judged, grant, startedMs, refuse });
    } catch (err) {
      log.error({ err }, "a request failed");
      refuse(refusals.internal);
    }
  };

  return {
    handle,
    listener: {
      onRoute: () => undefined,
      onAccessChange: () => {
        for (const stream of streams) {
          const { grant, caller, method } = stream.request;
          const found = admission.admit("http", grant.route.route.chainId, caller);
          const why = isGrant(found) ? found.method(method.method) : found;
          if ("code" in why) stream.end(why);
        }
      },
    },
    endAll: () => {
      for (const stream of streams) stream.end(refusals.draining);
    },
  };
};
