import { type ClientHttp2Stream, constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { RouteTarget } from "@portolan/contract";
import type { Meter, MeterSeries } from "@portolan/metering";
import type { Grant, MethodGrant } from "../edge/entries.ts";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import type { UnreadBytes } from "../pipeline/unread-bytes.ts";
import { grpcStatus, renderTimeout, toGrpcStatus, toTrailers } from "./grpc-status.ts";
import type { NodeSessions } from "./node-sessions.ts";

export interface GrpcCallDeps {
  meter: Meter;
  requests: Pick<RequestLog, "add">;
  sessions: Pick<NodeSessions, "take">;
  /** Where what a caller has not read yet is counted. */
  unread: Pick<UnreadBytes, "watch" | "wrote">;
  nextRequestId(): string;
  /** Bytes of a key's calls that are held in memory; `false`: there are too many, nothing was taken. */
  hold(keyId: string, sizeBytes: number): boolean;
  letGo(keyId: string, sizeBytes: number): void;
}

/** A call that was admitted. */
export interface AdmittedCall {
  stream: ServerHttp2Stream;
  grant: Grant;
  method: MethodGrant;
  /** `/package.Service/Method` */
  path: string;
  /** In the order in which they are tried. */
  targets: readonly RouteTarget[];
  /** Authorities of the nodes, PEM. */
  roots: string;
  /** Looks into a whole message; answers why it is refused. */
  check(message: Uint8Array): string | null;
  maxRequestBytes: number;
  maxAnswerBytes: number;
  /** Bytes both ways. */
  transfer: MeterSeries;
  startedMs: number;
  /** Monotonic milliseconds. */
  deadlineMs: number;
  /** The caller left or was answered: counted no more. Once. */
  onOver(): void;
}

const pseudo = /^:/;
const hopByHop = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "date"]);

/** What a node said, without what belongs to its own connection. */
export const toCallerHeaders = (headers: object): OutgoingHttpHeaders => {
  const clean: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers))
    if (!pseudo.test(name) && !hopByHop.has(name)) clean[name] = value as string | string[];
  return clean;
};

/** setTimeout's bound. */
const maxTimerMs = 2_147_483_647;

/**
 * One call between a caller and a node: ends once, for whatever reason, and then both sides are let go. What the caller
 * sent as metadata is not handed on, its key least of all.
 */
export abstract class GrpcCall {
  protected readonly deps: GrpcCallDeps;
  protected readonly call: AdmittedCall;
  protected node: ClientHttp2Stream | null = null;
  #isOver = false;
  readonly #timer: NodeJS.Timeout;

  constructor(deps: GrpcCallDeps, call: AdmittedCall) {
    this.deps = deps;
    this.call = call;
    const { stream, deadlineMs } = call;
    const leftMs = Math.min(Math.max(0, deadlineMs - performance.now()), maxTimerMs);
    this.#timer = setTimeout(() => this.refuse(refusals.timeout), leftMs);
    stream.once("close", () => this.over("cancelled"));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The caller's connection. */
  get session() {
    return this.call.stream.session;
  }

  protected nodeHeaders(): OutgoingHttpHeaders {
    const { path, deadlineMs } = this.call;
    return {
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-accept-encoding": "identity",
      "user-agent": "portolan-gateway",
      "grpc-timeout": renderTimeout(deadlineMs - performance.now()),
    };
  }

  /** Nothing more happens; `cancelled` also tells the node. Answers whether it was not over before. */
  protected over(how: "done" | "cancelled"): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (how === "cancelled") this.node?.close(constants.NGHTTP2_CANCEL);
    this.released();
    this.call.onOver();
    return true;
  }

  /** Lets go of what it holds. */
  protected released(): void {}

  /** Ends the call ourselves. */
  refuse(found: Refusal): void {
    if (!this.over("cancelled")) return;
    const { grant, method, startedMs, stream } = this.call;
    this.deps.requests.add(grant, method.method, "failed", toGrpcStatus(found), startedMs);
    refuseStream(stream, found, this.deps.nextRequestId());
  }

  /** The node's connection or stream ended without a whole answer. */
  protected broken(): void {
    this.refuse(refusals.unreachable);
  }

  /** How a whole answer is noted. */
  protected note(status: string): void {
    const { grant, method, startedMs } = this.call;
    const code = Number(status);
    this.deps.requests.add(grant, method.method, code === grpcStatus.ok ? "ok" : "error", code, startedMs);
  }
}

/** Answers with a status of ours, as trailers if the answer has begun, and stops listening to the caller. */
export const refuseStream = (stream: ServerHttp2Stream, found: Refusal, requestId: string): void => {
  if (stream.destroyed || stream.closed) return;
  const trailers = toTrailers(found, requestId);
  if (stream.headersSent) {
    stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end();
  } else {
    stream.respond({ ":status": 200, "content-type": "application/grpc", ...trailers }, { endStream: true });
  }
  stream.resume();
  if (stream.readableEnded) return;
  // RFC 9113 §8.1: a whole answer, then a reset without error, when the rest of a request is not wanted.
  setImmediate(() => {
    if (!stream.closed && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
};
