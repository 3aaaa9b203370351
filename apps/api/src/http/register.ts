import {
  errorStatus,
  errorsOf,
  operationDescriptions,
  operations,
  problem,
  problemMediaType,
  type Route,
} from "@portolan/contract";
import { can, DomainError, type Principal } from "@portolan/domain";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiDeps } from "../api-deps.ts";
import type { PartOperation } from "../modules/parts/routes.ts";
import type { Answer, Caller, Handlers, StreamEvent } from "./handler.ts";
import { createRateLimiter, rateHeaders } from "./rate-limiter.ts";
import { sendEvents } from "./server-sent-events.ts";
import { demandStorableText } from "./text-guard.ts";

/** A handler without its own types, for the one loop that registers them all. */
type AnyHandler = (request: {
  params: unknown;
  query: unknown;
  body: unknown;
  principal: Principal | null;
  caller: Caller;
}) => Promise<Answer<unknown>> | AsyncIterable<StreamEvent<unknown>>;

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(", ") : value;

const demandPermission = (principal: Principal, route: Route): void => {
  const { permission } = route;
  if (permission === "public" || permission === "signedIn" || can(principal.role, permission)) return;
  throw new DomainError({
    code: "permission.denied",
    message: `The role ${principal.role} does not have the permission ${permission}.`,
    hint: "Ask an owner or admin of the tenant.",
  });
};

const problemResponse = {
  description: "Problem details (RFC 9457)",
  content: { [problemMediaType]: { schema: problem } },
};

const schemaOf = (route: Route, description: string) => {
  const statuses = [...new Set(errorsOf(route).map((code) => errorStatus[code]))].sort();
  const { operationId, summary, tag, params, query, body, responses, permission, isStream } = route;
  const success = responses[route.successStatus];
  const answer =
    isStream === true ? { description: summary, content: { "text/event-stream": { schema: success } } } : success;
  return {
    operationId,
    summary,
    description,
    tags: [tag],
    security: permission === "public" ? [] : [{ bearer: [] }],
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { querystring: query }),
    ...(body === undefined ? {} : { body }),
    response: {
      [route.successStatus]: answer,
      ...Object.fromEntries(statuses.map((status) => [status, problemResponse])),
    },
  };
};

/** Registers every operation of the contract with its handler. */
export const registerOperations = (
  app: FastifyInstance,
  deps: ApiDeps,
  handlers: Handlers,
  parts: readonly PartOperation[],
): void => {
  const perAddress = createRateLimiter("address", deps.limits.perAddress);
  const perCredential = createRateLimiter("default", deps.limits.perCredential);
  const principals = new WeakMap<FastifyRequest, Principal>();
  const open = new Set<AbortController>();
  deps.signal?.addEventListener("abort", () => {
    for (const controller of open) controller.abort();
  });

  const admit =
    (route: Route) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const byAddress = await perAddress.consume(request.ip);
      if (route.permission === "public") {
        reply.headers(rateHeaders("address", byAddress));
        return;
      }
      const principal = await deps.authenticator.authenticate(request.headers.authorization);
      reply.headers(rateHeaders("default", await perCredential.consume(principal.id)));
      demandPermission(principal, route);
      principals.set(request, principal);
    };

  const toCaller = (request: FastifyRequest, reply: FastifyReply, route: Route): Caller => {
    const controller = new AbortController();
    open.add(controller);
    if (deps.signal?.aborted === true) controller.abort();
    reply.raw.once("close", () => {
      open.delete(controller);
      controller.abort();
    });
    return {
      requestId: request.id,
      address: request.ip,
      method: request.method,
      successStatus: route.successStatus,
      path: request.url.split("?", 1)[0] ?? "/",
      idempotencyKey: route.isIdempotent ? single(request.headers["idempotency-key"]) : undefined,
      ifMatch: request.headers["if-match"],
      lastEventId: single(request.headers["last-event-id"]),
      signal: controller.signal,
    };
  };

  const serve = (handler: AnyHandler, route: Route) => {
    const eventSchema = route.responses[route.successStatus];
    return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const { params, query, body } = request;
      const answer = handler({
        params,
        query,
        body,
        principal: principals.get(request) ?? null,
        caller: toCaller(request, reply, route),
      });
      if (Symbol.asyncIterator in answer)
        return sendEvents(reply, answer, (data) => JSON.stringify(eventSchema?.parse(data)));
      const { body: result, headers } = await answer;
      if (headers !== undefined) reply.headers(headers);
      return reply.code(route.successStatus).send(result);
    };
  };

  const register = (route: Route, description: string, handler: AnyHandler): void => {
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ":$1"),
      schema: schemaOf(route, description),
      ...(route.bodyLimitBytes === undefined ? {} : { bodyLimit: route.bodyLimitBytes }),
      onRequest: admit(route),
      preValidation: async (request) => {
        // An update without members may come without a body at all.
        if (route.body !== undefined) request.body ??= {};
        demandStorableText(request.params);
        demandStorableText(request.query);
        demandStorableText(request.body);
      },
      handler: serve(handler, route),
    });
  };

  const ofParts = new Map(parts.map((part) => [part.operationId, part]));
  for (const [operationId, route] of operations) {
    const handler = ofParts.get(operationId)?.handler ?? (handlers as { readonly [id: string]: unknown })[operationId];
    register(route, operationDescriptions[operationId], handler as AnyHandler);
  }
  for (const { isExtra, route, description, handler } of parts) if (isExtra) register(route, description, handler);
};
