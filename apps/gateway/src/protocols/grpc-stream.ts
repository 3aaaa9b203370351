import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import type { Duplex } from "node:stream";
import { refusals } from "../pipeline/refusal.ts";
import { GrpcCall, toCallerHeaders } from "./grpc-call.ts";
import { FrameReader, refusalOf } from "./grpc-frames.ts";
import { isUntouched } from "./grpc-status.ts";

/** A reader that takes nothing for so long keeps its node's stream open for nothing. */
const stalledMs = 120_000;

/**
 * Messages both ways until one side ends it. Bytes are counted before they leave, and each message that the node
 * answers by its method's weight; nothing more is read until what was read has left.
 */
export class StreamCall extends GrpcCall {
  #head: IncomingHttpHeaders | null = null;
  #trailers: IncomingHttpHeaders | null = null;
  #isTrailersOnly = false;
  #isEnding = false;
  #attempts = 0;

  /** Starts it. */
  run(): void {
    const { grant, targets, roots, stream } = this.call;
    stream.pause();
    this.#attempts += 1;
    const found = this.deps.sessions.take(grant.route, targets, roots);
    if (found instanceof Promise) void found.then((session) => this.#send(session));
    else this.#send(found);
  }

  #send(session: ClientHttp2Session | null): void {
    if (this.isOver) return;
    if (session === null) {
      this.refuse(refusals.unhealthy);
      return;
    }
    let node: ClientHttp2Stream;
    try {
      node = session.request(this.nodeHeaders());
    } catch {
      if (this.#attempts > this.call.targets.length) this.refuse(refusals.unhealthy);
      else this.run();
      return;
    }
    this.node = node;
    const { stream, maxRequestBytes, maxAnswerBytes } = this.call;
    node.on("error", () => undefined);
    node.on("response", (headers, flags) => {
      if (this.isOver) return;
      this.#head = headers;
      this.#isTrailersOnly = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      if (!this.#isTrailersOnly)
        stream.respond({ ":status": 200, ...toCallerHeaders(headers) }, { waitForTrailers: true });
    });
    node.on("trailers", (headers) => {
      this.#trailers = headers;
    });
    node.on("end", () => this.#onNodeEnd());
    node.on("close", () => this.#onNodeClose(node.rstCode));
    this.#pump(stream, node, new FrameReader(maxRequestBytes), false);
    this.#pump(node, stream, new FrameReader(maxAnswerBytes), true);
    stream.on("end", () => this.deps.meter.afterTurn({ settle: () => node.end() }));
    stream.resume();
  }

  #pump(from: Duplex, to: Duplex, reader: FrameReader, isAnswer: boolean): void {
    const { meter } = this.deps;
    const { method, transfer } = this.call;
    from.on("data", (chunk: Buffer) => {
      if (this.isOver) return;
      const before = reader.messages;
      const fault = reader.feed(chunk);
      if (fault !== null) {
        this.refuse(isAnswer ? refusals.answerTooLarge : refusalOf(fault));
        return;
      }
      if (!meter.isAccepting) {
        this.refuse(refusals.unmetered);
        return;
      }
      from.pause();
      const messages = reader.messages - before;
      if (isAnswer && messages > 0) meter.add(method.series, method.quantity * messages, messages);
      meter.add(transfer, chunk.length, 0);
      meter.afterTurn({
        settle: (isRecorded) => {
          if (this.isOver) return;
          if (!isRecorded) this.refuse(refusals.unmetered);
          else if (to.write(chunk)) from.resume();
          else this.#waitFor(to, from);
        },
      });
    });
  }

  #waitFor(to: Duplex, from: Duplex): void {
    const timer = setTimeout(() => this.refuse(refusals.slowReader), stalledMs);
    timer.unref();
    to.once("close", () => clearTimeout(timer));
    to.once("drain", () => {
      clearTimeout(timer);
      from.resume();
    });
  }

  #onNodeClose(rstCode: number | undefined): void {
    if (this.isOver || this.#isEnding) return;
    if (this.#trailers !== null || this.#isTrailersOnly) this.#onNodeEnd();
    else if (this.#head === null && isUntouched(rstCode)) this.refuse(refusals.unhealthy);
    else this.broken();
  }

  /** Follows the last chunk through the meter. */
  #onNodeEnd(): void {
    if (this.isOver || this.#isEnding || (this.#trailers === null && !this.#isTrailersOnly)) return;
    this.#isEnding = true;
    this.deps.meter.afterTurn({ settle: () => this.#finish() });
  }

  #finish(): void {
    if (this.isOver) return;
    const { stream } = this.call;
    const status = (this.#isTrailersOnly ? this.#head : this.#trailers)?.["grpc-status"];
    if (typeof status !== "string") {
      this.refuse(refusals.badAnswer);
      return;
    }
    this.note(status);
    if (stream.headersSent) {
      stream.once("wantTrailers", () => stream.sendTrailers(toCallerHeaders(this.#trailers ?? {})));
      stream.end();
    } else stream.respond({ ":status": 200, ...toCallerHeaders(this.#head ?? {}) }, { endStream: true });
    this.over("done");
    // What the caller still sends is nobody's.
    if (!stream.readableEnded) {
      stream.resume();
      setImmediate(() => {
        if (!stream.closed && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
      });
    }
  }
}
