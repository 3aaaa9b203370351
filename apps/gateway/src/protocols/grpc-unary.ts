import { type ClientHttp2Session, constants, type IncomingHttpHeaders } from "node:http2";
import type { Settleable } from "@portolan/metering";
import { invalidRequest, methodDenied, refusals } from "../pipeline/refusal.ts";
import { type AdmittedCall, GrpcCall, type GrpcCallDeps, toCallerHeaders } from "./grpc-call.ts";
import { FrameReader, frameHeadBytes, refusalOf } from "./grpc-frames.ts";
import { grpcStatus, isUntouched } from "./grpc-status.ts";

/** An answer up to this size leaves in one piece, after its record. */
const heldAnswerBytes = 256 * 1024;

const unbilledStatus = String(grpcStatus.unavailable);

/**
 * One message there, one back. The request is held until it is whole, so that it can go to another node when the first
 * never looked at it; what the node may have looked at is never sent twice.
 */
export class UnaryCall extends GrpcCall implements Settleable {
  #request: Buffer[] = [];
  readonly #reader: FrameReader;
  #requestBytes = 0;
  #attempts = 0;
  #head: IncomingHttpHeaders | null = null;
  #trailers: IncomingHttpHeaders | null = null;
  #isTrailersOnly = false;
  #answer: Buffer[] = [];
  #answerBytes = 0;
  #heldBytes = 0;
  #isComplete = false;

  constructor(deps: GrpcCallDeps, call: AdmittedCall) {
    super(deps, call);
    this.#reader = new FrameReader(call.maxRequestBytes);
    call.stream.on("data", (chunk: Buffer) => this.#take(chunk));
    call.stream.on("end", () => this.#onRequest());
  }

  protected override released(): void {
    this.deps.letGo(this.call.grant.key.key.id, this.#heldBytes);
    this.#heldBytes = 0;
    this.#request = [];
  }

  #take(chunk: Buffer): void {
    if (this.isOver) return;
    const fault = this.#reader.feed(chunk);
    if (fault !== null) this.refuse(refusalOf(fault));
    else if (this.#reader.messages > 1) this.refuse(invalidRequest("The method takes one message."));
    else if (!this.deps.hold(this.call.grant.key.key.id, chunk.length)) this.refuse(refusals.busy);
    else {
      this.#heldBytes += chunk.length;
      this.#requestBytes += chunk.length;
      this.#request.push(chunk);
    }
  }

  #onRequest(): void {
    if (this.isOver) return;
    if (this.#reader.messages !== 1 || !this.#reader.isWhole) {
      this.refuse(invalidRequest("The method takes one whole message."));
      return;
    }
    const request = this.#request.length === 1 ? (this.#request[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#request);
    this.#request = [request];
    const reason = this.call.check(request.subarray(frameHeadBytes));
    if (reason !== null) this.refuse(methodDenied({ reason }, this.call.grant.route.route.framework));
    else this.#forward();
  }

  #forward(): void {
    const { grant, targets, roots } = this.call;
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
    let node: ReturnType<ClientHttp2Session["request"]>;
    try {
      node = session.request(this.nodeHeaders());
    } catch {
      // The connection ended just now: nothing was sent.
      this.#again();
      return;
    }
    this.node = node;
    node.on("response", (headers, flags) => {
      this.#head = headers;
      this.#isTrailersOnly = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    });
    node.on("trailers", (headers) => {
      this.#trailers = headers;
    });
    const reader = new FrameReader(this.call.maxAnswerBytes);
    node.on("data", (chunk: Buffer) => this.#onAnswer(chunk, reader));
    node.on("end", () => {
      if (this.#trailers !== null || this.#isTrailersOnly) this.#onWhole();
    });
    node.on("error", () => undefined);
    node.on("close", () => this.#onClose(node.rstCode));
    node.end(this.#request[0]);
  }

  #again(): void {
    if (this.#attempts > this.call.targets.length) this.refuse(refusals.unhealthy);
    else this.#forward();
  }

  #onClose(rstCode: number | undefined): void {
    if (this.isOver || this.#isComplete) return;
    if (this.#trailers !== null || this.#isTrailersOnly) this.#onWhole();
    else if (this.#head === null && isUntouched(rstCode)) this.#again();
    else this.broken();
  }

  #onAnswer(chunk: Buffer, reader: FrameReader): void {
    if (this.isOver) return;
    if (reader.feed(chunk) !== null) {
      this.refuse(refusals.answerTooLarge);
      return;
    }
    this.#answerBytes += chunk.length;
    this.#answer.push(chunk);
    if (this.#answerBytes <= heldAnswerBytes) return;
    const { stream } = this.call;
    if (!stream.headersSent) this.#respond();
    let isWritable = true;
    for (const held of this.#answer) {
      isWritable = stream.write(held);
      this.deps.unread.wrote(held.length);
    }
    this.#answer = [];
    if (isWritable) return;
    this.node?.pause();
    stream.once("drain", () => this.node?.resume());
  }

  #respond(): void {
    const { stream } = this.call;
    stream.respond({ ":status": 200, ...toCallerHeaders(this.#head ?? {}) }, { waitForTrailers: true });
    this.deps.unread.watch(stream, () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM));
  }

  /** From here on the node has answered: it is counted, whether or not the caller is still there. */
  #onWhole(): void {
    if (this.isOver || this.#isComplete) return;
    this.#isComplete = true;
    const status = this.#status();
    if (status === null) {
      this.refuse(refusals.badAnswer);
      return;
    }
    const { method, transfer } = this.call;
    // A node that says that it can't be had is our failure.
    if (status !== unbilledStatus) {
      this.deps.meter.add(method.series, method.quantity, 1);
      this.deps.meter.add(transfer, this.#requestBytes + this.#answerBytes, 0);
    }
    this.note(status);
    this.deps.meter.afterTurn(this);
  }

  #status(): string | null {
    const found = (this.#isTrailersOnly ? this.#head : this.#trailers)?.["grpc-status"];
    return typeof found === "string" && /^[0-9]{1,2}$/.test(found) ? found : null;
  }

  settle(isRecorded: boolean): void {
    if (this.isOver) return;
    if (!isRecorded) {
      this.refuse(refusals.unmetered);
      return;
    }
    const { stream } = this.call;
    const trailers = toCallerHeaders(this.#trailers ?? {});
    if (this.#isTrailersOnly && !stream.headersSent) {
      stream.respond({ ":status": 200, ...toCallerHeaders(this.#head ?? {}) }, { endStream: true });
    } else {
      if (!stream.headersSent) this.#respond();
      stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      const rest = Buffer.concat(this.#answer);
      stream.end(rest);
      this.deps.unread.wrote(rest.length);
    }
    this.over("done");
  }
}
