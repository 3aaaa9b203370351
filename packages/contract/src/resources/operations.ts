import { operationKinds, operationStates, operationStepStates } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { emptyBody, id, page, pageQuery, time } from "../schemas.ts";

export const operationError = z
  .object({ code: z.string(), message: z.string(), hint: z.string().optional(), retryable: z.boolean() })
  .meta({ id: "OperationError" });

export const operationStep = z
  .object({
    key: z.string(),
    title: z.string(),
    state: z.enum(operationStepStates),
    startedAt: time.optional(),
    endedAt: time.optional(),
    error: operationError.optional(),
  })
  .meta({ id: "OperationStep" });

export const operation = z
  .object({
    id: id("operation"),
    kind: z.enum(operationKinds),
    target: z.object({ type: z.string(), id: z.string() }),
    state: z.enum(operationStates),
    done: z.boolean(),
    progress: z.number().min(0).max(1),
    steps: z.array(operationStep),
    error: operationError.optional(),
    createdAt: time,
    startedAt: time.optional(),
    endedAt: time.optional(),
  })
  .meta({ id: "Operation" });

const params = z.strictObject({ operation: id("operation") });

export const operationRoutes = {
  "operations.list": defineRoute({
    method: "GET",
    path: "/v1/operations",
    operationId: "operations.list",
    summary: "List operations, newest first",
    tag: "Operations",
    permission: "operation.read",
    scope: "tenant",
    query: z.strictObject({ ...pageQuery, chainId: id("chain").optional(), state: z.enum(operationStates).optional() }),
    successStatus: 200,
    responses: { 200: page(operation, "OperationList") },
    errors: [],
    isIdempotent: false,
  }),
  "operations.get": defineRoute({
    method: "GET",
    path: "/v1/operations/{operation}",
    operationId: "operations.get",
    summary: "One operation; `wait` holds the answer until it is done, for 20 s at most",
    tag: "Operations",
    permission: "operation.read",
    scope: "tenant",
    params,
    query: z.strictObject({ wait: z.coerce.number().int().min(0).max(20).default(0).describe("Seconds.") }),
    successStatus: 200,
    responses: { 200: operation },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
  "operations.events": defineRoute({
    method: "GET",
    path: "/v1/operations/{operation}/events",
    operationId: "operations.events",
    summary: "The operation at each change, as server-sent events; ends when it is done",
    tag: "Operations",
    permission: "operation.read",
    scope: "tenant",
    params,
    successStatus: 200,
    responses: { 200: operation },
    errors: ["resource.not_found"],
    isIdempotent: false,
    isStream: true,
  }),
  "operations.cancel": defineRoute({
    method: "POST",
    path: "/v1/operations/{operation}/cancel",
    operationId: "operations.cancel",
    summary: "Go back: a create is deleted, an update returns to the former settings",
    tag: "Operations",
    permission: "operation.cancel",
    scope: "tenant",
    params,
    body: emptyBody,
    successStatus: 202,
    responses: { 202: operation },
    errors: ["resource.not_found", "operation.not_cancellable"],
    isIdempotent: true,
  }),
  "operations.retry": defineRoute({
    method: "POST",
    path: "/v1/operations/{operation}/retry",
    operationId: "operations.retry",
    summary: "Try an operation that needs attention again, now",
    tag: "Operations",
    permission: "operation.retry",
    scope: "tenant",
    params,
    body: emptyBody,
    successStatus: 202,
    responses: { 202: operation },
    errors: ["resource.not_found", "operation.not_retryable"],
    isIdempotent: true,
  }),
} as const;
