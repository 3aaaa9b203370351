import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AnswerReader } from "./answer-reader.ts";
import type { NodeAddress } from "./node-address.ts";

/** Why a call got no answer. */
export type CallFailure =
  /** Some of it was sent: the node may have carried it out. */
  | "broken"
  | "tooLarge"
  /** Nothing of it was sent. */
  | "unsent";

/** One HTTP request on its way to a node. Exactly one of the three is called, once. */
export interface NodeRequest {
  /** Monotonic milliseconds after which the call is given up. */
  readonly deadlineMs: number;
  /** Of its answer, where it is not the pool's. */
  readonly maxAnswerBytes?: number;
  /** The node's whole answer; `text` is latin1 text of its bytes. */
  arrived(status: number, text: string): void;
  lost(failure: CallFailure): void;
  expired(): void;
}

export interface ConnectionOwner {
  onOpen(connection: NodeConnection): void;
  /** Its last call is over; it can take another. */
  onFree(connection: NodeConnection): void;
  /** It is no more. `cause`: what the node did, or `null` when we ended it. */
  onGone(connection: NodeConnection, cause: string | null): void;
}

/** Own for each connection, so that no tenant's bytes are ever in another's buffer. */
const readBytes = 16 * 1024;
/** We end an idle connection this long before the node says it would. */
const keepAliveMarginMs = 2_000;

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";

/**
 * A keep-alive connection to a node's HTTP port, with at most one call at a time: no pipelining, and no call is ever
 * sent a second time, because the node may have carried it out.
 */
export class NodeConnection {
  readonly openedMs: number;
  isOpen = false;
  /** Monotonic milliseconds until which the node keeps it while idle. */
  idleUntilMs = Infinity;
  readonly #owner: ConnectionOwner;
  readonly #reader: AnswerReader;
  readonly #socket: Socket;
  readonly #now: () => number;
  #call: NodeRequest | null = null;
  #isGone = false;

  constructor(address: NodeAddress, maxAnswerBytes: number, owner: ConnectionOwner, now: () => number) {
    this.#owner = owner;
    this.#now = now;
    this.#reader = new AnswerReader(maxAnswerBytes);
    this.openedMs = now();
    const { host, port, isTls } = address;
    const options = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 };
    if (isTls) {
      this.#socket = connectTls({ ...options, ALPNProtocols: ["http/1.1"], servername: address.servername });
      this.#socket.on("data", (chunk: Buffer) => this.#take(chunk, chunk.length));
    } else {
      const buffer = Buffer.allocUnsafeSlow(readBytes);
      const callback = (count: number): boolean => {
        this.#take(buffer, count);
        return true;
      };
      // Read into one buffer, past the stream: a call's answer costs no buffer of its own.
      this.#socket = connect({ ...options, onread: { buffer, callback } });
    }
    this.#socket.on(isTls ? "secureConnect" : "connect", () => {
      if (this.#isGone) return;
      this.isOpen = true;
      owner.onOpen(this);
    });
    this.#socket.on("error", (error) => this.#fail(codeOf(error)));
    this.#socket.on("end", () => this.#onEnd());
    this.#socket.on("close", () => this.#fail("closed"));
    // What keeps the process alive are its callers.
    this.#socket.unref();
  }

  get call(): NodeRequest | null {
    return this.#call;
  }

  /** `request`: head and body, a character for each byte. Only when it is free. */
  send(request: string, call: NodeRequest): void {
    this.#call = call;
    this.#reader.reset(call.maxAnswerBytes);
    this.#socket.write(request, "latin1");
  }

  /** Ends it ourselves. A call on it is lost, unless it is given up with it. */
  end(): void {
    this.#fail(null);
  }

  /** Ends it with its call, which is not told. */
  abandon(): void {
    this.#call = null;
    this.#fail(null);
  }

  /** It does not open in time. */
  giveUp(): void {
    this.#fail("ETIMEDOUT");
  }

  #take(bytes: Buffer, count: number): void {
    if (this.#isGone) return;
    if (this.#call === null) {
      this.#fail("unasked");
      return;
    }
    const step = this.#reader.feed(bytes, count);
    if (step === "done") this.#finish();
    else if (step === "tooLarge") this.#fail(null, "tooLarge");
    else if (step === "malformed") this.#fail("malformed");
  }

  #onEnd(): void {
    if (this.#isGone) return;
    if (this.#call !== null && this.#reader.end() === "done") this.#finish();
    else this.#fail("closed");
  }

  #finish(): void {
    const call = this.#call;
    this.#call = null;
    const { status, text, isReusable, hasSurplus, keepAliveMs } = this.#reader;
    if (keepAliveMs !== Infinity) this.idleUntilMs = this.#now() + keepAliveMs - keepAliveMarginMs;
    const isWritten = this.#socket.writableLength === 0;
    if (hasSurplus) this.#fail("surplus");
    else if (isReusable && isWritten && keepAliveMs > keepAliveMarginMs) this.#owner.onFree(this);
    else this.#fail(null);
    call?.arrived(status, text);
  }

  #fail(cause: string | null, failure: CallFailure = "broken"): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const call = this.#call;
    this.#call = null;
    this.#socket.destroy();
    // First the owner: a route is closed before anybody hears of it.
    this.#owner.onGone(this, cause);
    call?.lost(failure);
  }
}
