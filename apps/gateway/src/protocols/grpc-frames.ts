import { invalidRequest, type Refusal, refusals } from "../pipeline/refusal.ts";

/** What is wrong with a caller's or a node's frames. */
export type FrameFault = "tooLarge" | "compressed";

/** What a caller hears of its own frames. */
export const refusalOf = (fault: FrameFault): Refusal =>
  fault === "tooLarge" ? refusals.tooLarge : invalidRequest("Compressed messages are not taken.");

/** A flag and the length. */
export const frameHeadBytes = 5;

/**
 * Walks over the length-prefixed messages of one direction without copying them: a flag, four bytes of length, the
 * message (gRPC over HTTP/2). Bounds each message by its announced length, before it has come.
 */
export class FrameReader {
  /** Whole messages so far. */
  messages = 0;
  readonly #maxBytes: number;
  readonly #head = new Uint8Array(frameHeadBytes);
  #headFilled = 0;
  #left = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether it stands between two messages. */
  get isWhole(): boolean {
    return this.#headFilled === 0;
  }

  feed(chunk: Uint8Array): FrameFault | null {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headFilled < frameHeadBytes) {
        this.#head[this.#headFilled++] = chunk[at++] ?? 0;
        if (this.#headFilled < frameHeadBytes) continue;
        const [flag = 0, a = 0, b = 0, c = 0, d = 0] = this.#head;
        // A compressed one could not be bounded without opening it.
        if (flag !== 0) return "compressed";
        this.#left = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
        if (this.#left > this.#maxBytes) return "tooLarge";
      } else {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      }
      if (this.#left === 0 && this.#headFilled === frameHeadBytes) {
        this.messages += 1;
        this.#headFilled = 0;
      }
    }
    return null;
  }
}

/** A message with its prefix. */
export const toFrame = (message: Uint8Array): Buffer => {
  const frame = Buffer.allocUnsafe(frameHeadBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, frameHeadBytes);
  return frame;
};
