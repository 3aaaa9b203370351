import type { ErrorCode, Permission } from "@portolan/domain";
import type { z } from "zod";

export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type SuccessStatus = 200 | 201 | 202 | 204;

/** Answers by status. `z.undefined()` stands for no body. */
export type Responses = { readonly [status in SuccessStatus]?: z.ZodType };

/** One operation of the HTTP API, as a value. */
export interface Route {
  method: HttpMethod;
  /** With `{name}` for each path parameter, as OpenAPI writes it. */
  path: `/v1/${string}`;
  /** `resource.verb`, the key in `api`. */
  operationId: string;
  summary: string;
  tag: string;
  /** What the caller's role must allow; `public` needs no credential, `signedIn` any valid one. */
  permission: Permission | "public" | "signedIn";
  /** `tenant`: the work is done inside the credential's tenant. `none`: before, or beside, any tenant. */
  scope: "tenant" | "none";
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodObject;
  successStatus: SuccessStatus;
  responses: Responses;
  /** Codes that this operation may answer besides those every one may (`commonErrors`). */
  errors: readonly ErrorCode[];
  /** `Idempotency-Key` is honoured. True for every POST. */
  isIdempotent: boolean;
  /** The answer carries an ETag, or (on an update) `If-Match` is honoured. */
  hasETag?: boolean;
  /** A body may have this many bytes; absent: as many as any. */
  bodyLimitBytes?: number;
  /** Server-sent events instead of one JSON value; the response schema is that of one event's data. */
  isStream?: boolean;
}

/** Keeps the literal types of a route, so that handlers and clients are typed by it. */
export const defineRoute = <const R extends Route>(route: R): R => route;

/** What any operation may answer. */
export const commonErrors = [
  "request.invalid",
  "request.too_large",
  "request.unsupported_media_type",
  "request.rate_limited",
  "unavailable",
  "internal",
] as const satisfies readonly ErrorCode[];

/** What any operation that needs a credential may answer besides. */
export const credentialErrors = [
  "credential.missing",
  "credential.invalid",
  "credential.expired",
  "permission.denied",
] as const satisfies readonly ErrorCode[];

/** What an `Idempotency-Key` may lead to. */
export const idempotencyErrors = [
  "idempotency.in_flight",
  "idempotency.mismatch",
] as const satisfies readonly ErrorCode[];

/** Every code that a route may answer, its own and those that come with what it is. */
export const errorsOf = (route: Route): ErrorCode[] => [
  ...new Set<ErrorCode>([
    ...commonErrors,
    ...(route.permission === "public" ? [] : credentialErrors),
    ...(route.isIdempotent ? idempotencyErrors : []),
    ...route.errors,
  ]),
];
