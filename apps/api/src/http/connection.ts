import { problemMediaType, toProblem } from "@portolan/contract";
import {
  type ConnectionRefusal,
  createClientErrorHandler,
  type RenderedRefusal,
  refusedExpectation,
} from "@portolan/kit";
import type { FastifyInstance } from "fastify";
import { InvalidRequest } from "./invalid-request.ts";

/**
 * Bounds of a connection. They end with the request's last byte: an answer that is held back, and a stream of events,
 * go on as long as their handlers say.
 */
export const connectionLimits = {
  requestTimeout: 30_000,
  /** Longer than proxies keep theirs, so that it is them who close. */
  keepAliveTimeout: 65_000,
  http: {
    headersTimeout: 10_000,
    connectionsCheckingInterval: 5_000,
    maxHeaderSize: 16 * 1024,
    // We say it ourselves, in a problem document.
    requireHostHeader: false,
  },
};
const maxConnections = 4_000;

const titles = {
  400: "Bad request",
  408: "Request timeout",
  413: "Content too large",
  417: "Expectation failed",
  431: "Request header fields too large",
} as const;

const render =
  (nextRequestId: () => string) =>
  ({ status, detail }: ConnectionRefusal): RenderedRefusal => {
    const requestId = nextRequestId();
    const problem = toProblem({ code: status === 413 ? "request.too_large" : "request.invalid", detail, requestId });
    return {
      headers: { "Content-Type": problemMediaType, "X-Request-Id": requestId },
      body: JSON.stringify({ ...problem, status, title: titles[status] }),
    };
  };

/** For the option `clientErrorHandler`: what the parser refuses is a problem document too. */
export const toClientErrorHandler = (nextRequestId: () => string) => createClientErrorHandler(render(nextRequestId));

/** What Node would refuse with an empty body. */
export const registerConnectionRules = (app: FastifyInstance, nextRequestId: () => string): void => {
  app.server.maxConnections = maxConnections;
  app.server.on("checkExpectation", (_request, response) => {
    const { headers, body } = render(nextRequestId)(refusedExpectation);
    response
      .writeHead(refusedExpectation.status, {
        ...headers,
        "content-length": Buffer.byteLength(body),
        connection: "close",
      })
      .end(body);
  });
  app.addHook("onRequest", async ({ raw, headers }) => {
    // RFC 9112 §3.2
    if (headers.host === undefined && raw.httpVersion === "1.1")
      throw new InvalidRequest({ message: "The header Host is missing.", errors: [] });
  });
};
