import type { ServerResponse } from "node:http";
import { type Refusal, refusalHeaders, renderRefusal } from "./refusal.ts";
import type { UnreadBytes } from "./unread-bytes.ts";

/** One HTTP answer. Bodies are latin1 text of the bytes, which Node writes together with the head in one piece. */
export interface Reply {
  json(status: number, body: string, headers?: readonly string[]): void;
  /** Nothing to say: only notifications were sent. */
  empty(): void;
  refuse(refusal: Refusal, id?: string): void;
  /** One refusal among the answers of a batch. */
  render(refusal: Refusal, id: string): string;
}

/** Larger bodies go as bytes of their own instead of being copied behind the head. */
const largeBody = 64 * 1024;

export const corsHeaders = (hasOrigin: boolean): string[] =>
  hasOrigin
    ? ["Access-Control-Allow-Origin", "*", "Access-Control-Expose-Headers", "Retry-After, RateLimit, RateLimit-Policy"]
    : [];

/**
 * Ends an answer and counts it. One that was called for behind others on its connection waits outside of the connection
 * until they have left.
 */
export const endCounted = (
  unread: Pick<UnreadBytes, "wrote" | "queue" | "unqueue">,
  res: ServerResponse,
  body: string | Buffer,
): void => {
  if (typeof body === "string") res.end(body, "latin1");
  else res.end(body);
  if (res.socket === null) {
    const { socket } = res.req;
    unread.queue(socket, body.length);
    res.once("socket", () => unread.unqueue(socket, body.length));
  }
  unread.wrote(body.length);
};

export class HttpReply implements Reply {
  readonly #res: ServerResponse;
  readonly #hasOrigin: boolean;
  readonly #nextRequestId: () => string;
  readonly #isClosing: () => boolean;
  readonly #unread: UnreadBytes;

  constructor(
    res: ServerResponse,
    hasOrigin: boolean,
    nextRequestId: () => string,
    isClosing: () => boolean,
    unread: UnreadBytes,
  ) {
    this.#res = res;
    this.#hasOrigin = hasOrigin;
    this.#nextRequestId = nextRequestId;
    this.#isClosing = isClosing;
    this.#unread = unread;
  }

  json(status: number, body: string, headers?: readonly string[]): void {
    const res = this.#res;
    if (res.headersSent || res.destroyed) return;
    const head = ["Content-Type", "application/json", "Content-Length", String(body.length)];
    if (this.#hasOrigin) head.push(...corsHeaders(true));
    if (headers !== undefined) head.push(...headers);
    if (this.#isClosing()) head.push("Connection", "close");
    res.writeHead(status, head);
    endCounted(this.#unread, res, body.length > largeBody ? Buffer.from(body, "latin1") : body);
  }

  empty(): void {
    const res = this.#res;
    if (res.headersSent || res.destroyed) return;
    res.writeHead(204, corsHeaders(this.#hasOrigin));
    res.end();
  }

  refuse(refusal: Refusal, id = "null"): void {
    this.json(refusal.status, this.render(refusal, id), refusalHeaders(refusal));
  }

  render(refusal: Refusal, id: string): string {
    // `id` is latin1 text already; the rest of a refusal is made of ASCII but for a method's reason.
    return renderRefusal(refusal, id, this.#nextRequestId());
  }
}
