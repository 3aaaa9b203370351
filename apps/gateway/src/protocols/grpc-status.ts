import { constants, type OutgoingHttpHeaders } from "node:http2";
import type { Refusal } from "../pipeline/refusal.ts";

/** https://grpc.io/docs/guides/status-codes/ */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** By the status that the refusal has over HTTP; 200 is a JSON-RPC error there. */
const byHttpStatus: { readonly [status: number]: number } = {
  400: grpcStatus.invalidArgument,
  401: grpcStatus.unauthenticated,
  402: grpcStatus.resourceExhausted,
  403: grpcStatus.permissionDenied,
  404: grpcStatus.notFound,
  410: grpcStatus.notFound,
  413: grpcStatus.resourceExhausted,
  429: grpcStatus.resourceExhausted,
  500: grpcStatus.internal,
  503: grpcStatus.unavailable,
  504: grpcStatus.deadlineExceeded,
};

const byCode: { readonly [code: string]: number } = {
  "request.invalid": grpcStatus.invalidArgument,
  "method.denied": grpcStatus.permissionDenied,
  "method.bound": grpcStatus.resourceExhausted,
  "node.answer_too_large": grpcStatus.resourceExhausted,
};

export const toGrpcStatus = ({ status, code }: Pick<Refusal, "status" | "code">): number =>
  byCode[code] ?? byHttpStatus[status] ?? grpcStatus.internal;

/** Percent-encoding of `grpc-message`: printable ASCII but `%` stays (gRPC over HTTP/2, "Status-Message"). */
export const encodeMessage = (text: string): string =>
  [...new TextEncoder().encode(text)]
    .map((byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x25
        ? `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
        : String.fromCharCode(byte),
    )
    .join("");

/** A refusal as trailers; ours is `portolan-code`. */
export const toTrailers = (found: Refusal, requestId: string): OutgoingHttpHeaders => ({
  "grpc-status": String(toGrpcStatus(found)),
  "grpc-message": encodeMessage(`${found.message} ${found.hint}`),
  "portolan-code": found.code,
  "portolan-request-id": requestId,
  ...(found.retryAfterSeconds === undefined ? {} : { "retry-after": String(found.retryAfterSeconds) }),
  ...(found.limit === undefined ? {} : { "portolan-reset-at": found.limit.resetAt }),
});

const units: { readonly [unit: string]: number } = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout`, `Infinity` without one, `null` when it is malformed. */
export const parseTimeout = (text: string | undefined): number | null => {
  if (text === undefined) return Infinity;
  const found = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return found === null ? null : Number(found[1]) * (units[found[2] ?? ""] ?? 0);
};

/** `grpc-timeout` of whole milliseconds; at most 8 digits. */
export const renderTimeout = (ms: number): string => {
  const whole = Math.max(1, Math.ceil(ms));
  return whole < 100_000_000 ? `${whole}m` : `${Math.ceil(whole / 1_000)}S`;
};

/** Nothing of such a stream was looked at (RFC 9113 §8.7), so it may be sent again elsewhere. */
export const isUntouched = (rstCode: number | undefined): boolean => rstCode === constants.NGHTTP2_REFUSED_STREAM;
