import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import type { RouteTarget } from "@portolan/contract";
import { GrpcFailure, type RestCallOptions } from "@portolan/frameworks";
import type { RouteEntry } from "../edge/entries.ts";
import { FrameReader, frameHeadBytes, toFrame } from "./grpc-frames.ts";
import { grpcStatus, isUntouched, renderTimeout } from "./grpc-status.ts";
import type { NodeSessions } from "./node-sessions.ts";

/** Calls of the gateway's own, on behalf of a request. */
export interface NodeCallsDeps {
  sessions: Pick<NodeSessions, "take">;
  entry: RouteEntry;
  roots: string;
  maxAnswerBytes: number;
  /** In order, those of the label first. */
  targetsFor(label: string | undefined): readonly RouteTarget[];
  signal: AbortSignal;
  /** What was carried, for the meter; `isAnswer` once for each call that a node answered. */
  onBytes(sizeBytes: number): void;
  onAnswer(): void;
}

const unreached = (message: string): GrpcFailure =>
  new GrpcFailure({ status: grpcStatus.unavailable, message, isUnreached: true });
const broken = (): GrpcFailure =>
  new GrpcFailure({ status: grpcStatus.unavailable, message: "the connection to the node broke", isUnreached: true });

const decodeMessage = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const toFailure = (headers: IncomingHttpHeaders): GrpcFailure | null => {
  const status = Number(headers["grpc-status"] ?? Number.NaN);
  if (status === grpcStatus.ok) return null;
  const details = headers["grpc-status-details-bin"];
  return new GrpcFailure({
    status: Number.isInteger(status) ? status : grpcStatus.internal,
    message: decodeMessage(String(headers["grpc-message"] ?? "the node gave no usable answer")),
    details: typeof details === "string" ? new Uint8Array(Buffer.from(details, "base64")) : null,
  });
};

export const createNodeCalls = (deps: NodeCallsDeps) => {
  const { sessions, entry, roots, maxAnswerBytes, targetsFor, signal, onBytes, onAnswer } = deps;

  const open = async (method: string, label: string | undefined, timeoutMs: number | null, skip: number) => {
    const targets = targetsFor(label);
    const session = await sessions.take(entry, [...targets.slice(skip), ...targets.slice(0, skip)], roots);
    if (signal.aborted) throw new GrpcFailure({ status: grpcStatus.cancelled, message: "the caller is gone" });
    if (session === null) throw unreached("no node can be reached");
    try {
      return session.request({
        ":method": "POST",
        ":path": `/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
        "grpc-accept-encoding": "identity",
        "user-agent": "portolan-gateway",
        ...(timeoutMs === null ? {} : { "grpc-timeout": renderTimeout(timeoutMs) }),
      });
    } catch {
      throw unreached("the connection to the node ended");
    }
  };

  /** Reads an answer to its end. */
  const collect = (node: ClientHttp2Stream, timeoutMs: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      let head: IncomingHttpHeaders | null = null;
      let trailers: IncomingHttpHeaders | null = null;
      let fault: GrpcFailure | null = null;
      const reader = new FrameReader(maxAnswerBytes);
      const chunks: Buffer[] = [];
      const cancel = (failure: GrpcFailure): void => {
        fault ??= failure;
        node.close(constants.NGHTTP2_CANCEL);
      };
      const onAbort = (): void =>
        cancel(new GrpcFailure({ status: grpcStatus.cancelled, message: "the caller is gone" }));
      const timer = setTimeout(
        () => cancel(new GrpcFailure({ status: grpcStatus.deadlineExceeded, message: "there was no answer in time" })),
        timeoutMs,
      );
      signal.addEventListener("abort", onAbort, { once: true });
      node.on("error", () => undefined);
      node.on("response", (headers) => {
        head = headers;
      });
      node.on("trailers", (headers) => {
        trailers = headers;
      });
      node.on("data", (chunk: Buffer) => {
        onBytes(chunk.length);
        if (reader.feed(chunk) === null) chunks.push(chunk);
        else cancel(new GrpcFailure({ status: grpcStatus.resourceExhausted, message: "the answer is too large" }));
      });
      node.on("close", () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        const status = { ...head, ...trailers };
        if (fault !== null) reject(fault);
        else if (status["grpc-status"] === undefined) {
          reject(isUntouched(node.rstCode) && head === null ? unreached("the node did not look at it") : broken());
        } else {
          const failure = toFailure(status);
          if (failure?.status !== grpcStatus.unavailable) onAnswer();
          if (failure !== null) reject(failure);
          else resolve(Buffer.concat(chunks));
        }
      });
    });

  const unary = async (method: string, message: Uint8Array, options: RestCallOptions): Promise<Uint8Array> => {
    const endsAt = performance.now() + options.timeoutMs;
    const attempts = targetsFor(options.label).length + 1;
    for (let attempt = 0; ; attempt++) {
      try {
        const leftMs = Math.max(1, endsAt - performance.now());
        const node = await open(method, options.label, leftMs, attempt % Math.max(1, attempts - 1));
        onBytes(message.length + frameHeadBytes);
        node.end(toFrame(message));
        const answer = await collect(node, leftMs);
        return new Uint8Array(answer.subarray(frameHeadBytes));
      } catch (error) {
        const isPassing = error instanceof GrpcFailure && error.isUnreached && options.isRepeatable === true;
        if (!isPassing || attempt + 1 >= attempts || signal.aborted) throw error;
      }
    }
  };

  async function* serverStream(
    method: string,
    message: Uint8Array,
    { label }: { label?: string },
  ): AsyncGenerator<Uint8Array> {
    const node = await open(method, label, null, 0);
    const onAbort = (): void => node.close(constants.NGHTTP2_CANCEL);
    signal.addEventListener("abort", onAbort, { once: true });
    let status: IncomingHttpHeaders = {};
    node.on("response", (headers) => {
      status = { ...headers };
    });
    node.on("trailers", (headers) => {
      status = { ...status, ...headers };
    });
    node.on("error", () => undefined);
    onBytes(message.length + frameHeadBytes);
    node.end(toFrame(message));
    const reader = new FrameReader(maxAnswerBytes);
    let rest: Buffer = Buffer.alloc(0);
    try {
      for await (const chunk of node as AsyncIterable<Buffer>) {
        onBytes(chunk.length);
        if (reader.feed(chunk) !== null)
          throw new GrpcFailure({ status: grpcStatus.resourceExhausted, message: "a message is too large" });
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        while (rest.length >= frameHeadBytes) {
          const end = frameHeadBytes + rest.readUInt32BE(1);
          if (rest.length < end) break;
          yield new Uint8Array(rest.subarray(frameHeadBytes, end));
          rest = rest.subarray(end);
        }
      }
      const failure = status["grpc-status"] === undefined ? broken() : toFailure(status);
      if (failure !== null) throw failure;
    } catch (error) {
      if (signal.aborted) throw new GrpcFailure({ status: grpcStatus.cancelled, message: "the caller is gone" });
      throw error instanceof GrpcFailure ? error : broken();
    } finally {
      signal.removeEventListener("abort", onAbort);
      node.close(constants.NGHTTP2_CANCEL);
    }
  }

  return { unary, serverStream };
};
