import { randomBytes } from "node:crypto";
import { problemMediaType, toProblem } from "@portolan/contract";
import { isFromOwnMachine, metricsContentType } from "@portolan/kit";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { ApiDeps } from "./api-deps.ts";
import { createHandlers } from "./handlers.ts";
import { connectionLimits, registerConnectionRules, toClientErrorHandler } from "./http/connection.ts";
import { demandFewValues } from "./http/json-guard.ts";
import { registerOpenApi } from "./http/openapi.ts";
import { RateLimited, rateHeaders } from "./http/rate-limiter.ts";
import { registerOperations } from "./http/register.ts";
import { describeError } from "./http/to-problem.ts";

export const apiVersion = "0.1.0";
const bodyLimitBytes = 256 * 1024;
/** How long a caller is asked to wait where nothing says it better: a queue of what takes memory, the database away. */
const unavailableSeconds = 5;

const sendProblem = (reply: FastifyReply, document: ReturnType<typeof toProblem>) =>
  // Here too: the framework's own refusals (a path it can't read) pass by the hooks.
  reply
    .code(document.status)
    .header("x-request-id", document.requestId)
    .header("content-type", problemMediaType)
    .serializer(JSON.stringify)
    .send(document);

const onError = (deps: ApiDeps) => (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
  const document = describeError(error, request.id, request.routeOptions?.bodyLimit);
  if (document.status >= 500)
    deps.log.error({ err: error, requestId: request.id, route: request.routeOptions?.url }, "request failed");
  if (error instanceof RateLimited) {
    reply.headers({ ...rateHeaders(error.policy, error.state), "retry-after": String(error.state.resetSeconds) });
  }
  if (document.status === 503) reply.header("retry-after", String(unavailableSeconds));
  if (document.status === 401) reply.header("www-authenticate", 'Bearer realm="portolan"');
  return sendProblem(reply, document);
};

const onNotFound = (request: FastifyRequest, reply: FastifyReply) =>
  sendProblem(
    reply,
    toProblem({
      code: "request.not_found",
      detail: "There is nothing at this path for this method.",
      hint: "The API is described at /docs.",
      requestId: request.id,
    }),
  );

/**
 * An empty body is an empty object: clients that always send a content type may still have nothing to say. A change is a
 * merge patch (RFC 7396), so a client may name it by its own media type too.
 */
const acceptEmptyJson = (app: FastifyInstance): void => {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ["application/json", "application/merge-patch+json"],
    { parseAs: "string" },
    (request, body, done) => {
      const text = typeof body === "string" ? body : body.toString("utf8");
      if (text.trim() === "") return done(null, {});
      try {
        demandFewValues(text);
      } catch (error) {
        return done(error instanceof Error ? error : null);
      }
      void parse(request, text, done);
    },
  );
};

const registerHealth = (app: FastifyInstance, deps: ApiDeps): void => {
  app.get("/healthz", { schema: { hide: true } }, async () => ({ live: deps.health.live() }));
  app.get("/readyz", { schema: { hide: true } }, async (_request, reply) => {
    const report = await deps.health.report();
    return reply.code(report.ready ? 200 : 503).send(report);
  });
};

const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** For a collector on this machine; everybody else gets the answer that an unknown path gets. */
const registerMetrics = (app: FastifyInstance, deps: ApiDeps): void => {
  const durations = deps.metrics.histogram(
    "portolan_api_request_seconds",
    "Time from a request's arrival to its answer's end.",
    durationBuckets,
    ["method", "route", "status"],
  );
  app.addHook("onResponse", async (request, reply) => {
    durations.observe(reply.elapsedTime / 1000, {
      method: request.method,
      route: request.routeOptions.url ?? "none",
      status: String(reply.statusCode),
    });
  });
  app.get("/metrics", { schema: { hide: true } }, async (request, reply) => {
    if (!isFromOwnMachine(request)) return onNotFound(request, reply);
    return reply.header("content-type", metricsContentType).send(await deps.metrics.render());
  });
};

const nextRequestId = (): string => `req_${randomBytes(12).toString("hex")}`;

/** The API as a Fastify instance that listens nowhere yet. */
export const buildApp = async (deps: ApiDeps): Promise<FastifyInstance> => {
  const app = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    genReqId: nextRequestId,
    requestIdHeader: false,
    trustProxy: deps.trustedProxies === undefined ? false : [...deps.trustedProxies],
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    frameworkErrors: (error, request, reply) => {
      void sendProblem(reply, describeError(error, request.id));
    },
    clientErrorHandler: toClientErrorHandler(nextRequestId),
    ...connectionLimits,
  }) as unknown as FastifyInstance;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(onError(deps));
  app.setNotFoundHandler(onNotFound);
  acceptEmptyJson(app);
  registerConnectionRules(app, nextRequestId);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id).header("x-content-type-options", "nosniff");
    // A connection that is kept after its answer would hold up the stop.
    if (deps.signal?.aborted === true) reply.header("connection", "close");
    if (request.url.startsWith("/v1/")) reply.header("cache-control", "no-store");
  });
  app.addHook("onResponse", async (request, reply) => {
    const fields = {
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
    };
    deps.log.debug({ ...fields, durationMs: Math.round(reply.elapsedTime) }, "answered");
  });
  await registerOpenApi(app, apiVersion);
  registerHealth(app, deps);
  registerMetrics(app, deps);
  const { handlers, parts } = createHandlers(deps);
  registerOperations(app, deps, handlers, parts);
  return app;
};
