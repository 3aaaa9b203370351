/** What the bytes so far amount to. */
export type AnswerStep = "more" | "done" | "malformed" | "tooLarge";

/** Status line, headers, interim answers and trailers together. */
const maxHeadBytes = 16 * 1024;
/** A chunk's size with its extensions. */
const maxChunkLineBytes = 1_024;
const firstBodyBytes = 64 * 1024;

const lineFeed = 10;
const carriageReturn = 13;
const space = 32;
const tab = 9;
const colon = 58;
const semicolon = 59;

/** RFC 9110 §5.6.2 */
const isToken = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  isToken[char.charCodeAt(0)] = 1;
/** RFC 9110 §5.5: visible, space, tab and what is beyond ASCII. */
const isValue = new Uint8Array(256);
for (let code = 0; code < 256; code++) isValue[code] = code === tab || (code >= space && code !== 127) ? 1 : 0;

type State = "status" | "headers" | "length" | "untilClose" | "chunkSize" | "chunkData" | "chunkEnd" | "trailers";

/** RFC 9110 §5.6.3. JavaScript's own `trim` takes the no-break space 0xA0 too, which other readers don't. */
const isBlank = (code: number | undefined): boolean => code === space || code === tab;

/** Digits only, at most 15: a safe integer. -1 otherwise. */
const decimal = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : -1);

/**
 * Reads one answer (to a GET or a POST) at a time from a node's connection (RFC 9112), strictly: what can be read in two ways is
 * malformed, so that nobody's bytes become somebody else's answer. Feed it as bytes come; it keeps no reference to
 * them. After `done`, `status`, `text` and `isReusable` hold until `reset`; after anything but `more` and `done` the
 * connection is of no use.
 */
export class AnswerReader {
  status = 0;
  /** The body as latin1 text: a character for each byte. */
  text = "";
  /** The connection may carry another call. */
  isReusable = false;
  /** Bytes came that belong to no call. */
  hasSurplus = false;
  /** How long the node says that it keeps an idle connection. */
  keepAliveMs = Infinity;
  readonly #usualAnswerBytes: number;
  #maxAnswerBytes: number;
  #state: State = "status";
  /** Of a line that has not ended yet. */
  #held: Buffer | null = null;
  #headBytes = 0;
  #isOld = false;
  #isChunked = false;
  #length = -1;
  #saysClose = false;
  #saysKeep = false;
  /** Of the body or the chunk. */
  #left = 0;
  #body: Buffer | null = null;
  #bodyBytes = 0;

  constructor(maxAnswerBytes: number) {
    this.#usualAnswerBytes = maxAnswerBytes;
    this.#maxAnswerBytes = maxAnswerBytes;
  }

  /** Makes ready for the next answer of the same connection. */
  reset(maxAnswerBytes = this.#usualAnswerBytes): void {
    this.#maxAnswerBytes = maxAnswerBytes;
    this.text = "";
    this.#state = "status";
    this.#headBytes = 0;
    this.#body = null;
    this.#bodyBytes = 0;
    this.#forgetHead();
  }

  /** Takes `bytes` from 0 to `end`. */
  feed(bytes: Buffer, end: number): AnswerStep {
    let at = 0;
    while (at < end) {
      let step: AnswerStep;
      const state = this.#state;
      if (state === "length" || state === "untilClose" || state === "chunkData") {
        const taken = state === "untilClose" ? end - at : Math.min(this.#left, end - at);
        step = this.#takeBody(bytes, at, at + taken);
        at += taken;
      } else {
        let lineEnd = at;
        while (lineEnd < end && bytes[lineEnd] !== lineFeed) lineEnd += 1;
        if (lineEnd === end) return this.#hold(bytes, at, end) ? "more" : "malformed";
        step = this.#takeLine(bytes, at, lineEnd);
        at = lineEnd + 1;
      }
      if (step === "done") {
        if (at < end) {
          this.hasSurplus = true;
          this.isReusable = false;
        }
        return step;
      }
      if (step !== "more") return step;
    }
    return "more";
  }

  /** The node closed its side. */
  end(): AnswerStep {
    if (this.#state !== "untilClose") return "malformed";
    this.#finish();
    return "done";
  }

  #forgetHead(): void {
    this.#isOld = false;
    this.#isChunked = false;
    this.#length = -1;
    this.#saysClose = false;
    this.#saysKeep = false;
  }

  /** Keeps a copy of the beginning of a line. */
  #hold(bytes: Buffer, start: number, end: number): boolean {
    const part = bytes.subarray(start, end);
    this.#held = this.#held === null ? Buffer.from(part) : Buffer.concat([this.#held, part]);
    return this.#held.length <= this.#lineBound();
  }

  #lineBound(): number {
    return this.#state === "chunkSize" || this.#state === "chunkEnd"
      ? maxChunkLineBytes
      : maxHeadBytes - this.#headBytes;
  }

  /** One line, from `start` to the line feed at `end`. */
  #takeLine(bytes: Buffer, start: number, end: number): AnswerStep {
    let line = bytes;
    let from = start;
    let to = end;
    if (this.#held !== null) {
      line = Buffer.concat([this.#held, bytes.subarray(start, end)]);
      this.#held = null;
      from = 0;
      to = line.length;
    }
    if (to - from + 1 > this.#lineBound() || to === from || line[to - 1] !== carriageReturn) return "malformed";
    to -= 1;
    switch (this.#state) {
      case "status":
        this.#headBytes += to - from + 2;
        return this.#readStatus(line.toString("latin1", from, to)) ? "more" : "malformed";
      case "headers":
        this.#headBytes += to - from + 2;
        if (to === from) return this.#endHead();
        return this.#readHeader(line, from, to, false) ? "more" : "malformed";
      case "trailers":
        this.#headBytes += to - from + 2;
        if (to > from) return this.#readHeader(line, from, to, true) ? "more" : "malformed";
        this.#finish();
        return "done";
      case "chunkSize":
        return this.#readChunkSize(line, from, to);
      default:
        // The end of a chunk's data.
        this.#state = "chunkSize";
        return to === from ? "more" : "malformed";
    }
  }

  #readStatus(line: string): boolean {
    const isKnown = line.startsWith("HTTP/1.1 ") || line.startsWith("HTTP/1.0 ");
    const status = decimal(line.slice(9, 12));
    if (!isKnown || status < 100 || (line.length > 12 && line.charCodeAt(12) !== space)) return false;
    for (let at = 13; at < line.length; at++) if (isValue[line.charCodeAt(at)] !== 1) return false;
    this.status = status;
    this.#isOld = line.charCodeAt(7) === 48;
    this.#state = "headers";
    return true;
  }

  #readHeader(line: Buffer, start: number, end: number, isTrailer: boolean): boolean {
    let at = start;
    while (at < end && isToken[line[at] ?? 0] === 1) at += 1;
    const nameEnd = at;
    if (nameEnd === start || line[nameEnd] !== colon) return false;
    for (at = nameEnd + 1; at < end; at++) if (isValue[line[at] ?? 0] !== 1) return false;
    const length = nameEnd - start;
    if (isTrailer || (length !== 10 && length !== 14 && length !== 17)) return true;
    const name = line.toString("latin1", start, nameEnd).toLowerCase();
    let valueStart = nameEnd + 1;
    let valueEnd = end;
    while (valueStart < valueEnd && isBlank(line[valueStart])) valueStart += 1;
    while (valueEnd > valueStart && isBlank(line[valueEnd - 1])) valueEnd -= 1;
    const value = line.toString("latin1", valueStart, valueEnd);
    if (name === "content-length") {
      if (this.#length !== -1) return false;
      this.#length = decimal(value);
      return this.#length !== -1;
    }
    if (name === "transfer-encoding") {
      if (this.#isChunked || value.toLowerCase() !== "chunked") return false;
      this.#isChunked = true;
    } else if (name === "connection") {
      for (const option of value.toLowerCase().split(/[ \t]*,[ \t]*/)) {
        if (option === "close") this.#saysClose = true;
        else if (option === "keep-alive") this.#saysKeep = true;
      }
    } else if (name === "keep-alive") {
      const seconds = /(?:^|[,; ])timeout=(\d{1,9})/i.exec(value)?.[1];
      if (seconds !== undefined) this.keepAliveMs = Number(seconds) * 1_000;
    }
    return true;
  }

  #endHead(): AnswerStep {
    const { status } = this;
    if (status < 200) {
      // Interim answers say nothing (RFC 9110 §15.2); another protocol was never asked for.
      if (status === 101) return "malformed";
      this.#state = "status";
      this.#forgetHead();
      return "more";
    }
    if (this.#isChunked && (this.#length !== -1 || this.#isOld)) return "malformed";
    this.isReusable = !this.#saysClose && (!this.#isOld || this.#saysKeep);
    if (status === 204 || status === 304 || this.#length === 0) {
      this.#finish();
      return "done";
    }
    if (this.#isChunked) {
      this.#state = "chunkSize";
      return "more";
    }
    if (this.#length === -1) {
      this.#state = "untilClose";
      this.isReusable = false;
      return "more";
    }
    this.#state = "length";
    this.#left = this.#length;
    return this.#length > this.#maxAnswerBytes ? "tooLarge" : "more";
  }

  #readChunkSize(line: Buffer, start: number, end: number): AnswerStep {
    let at = start;
    for (; at < end && line[at] !== semicolon; at++);
    let digitsEnd = at;
    while (digitsEnd > start && isBlank(line[digitsEnd - 1])) digitsEnd -= 1;
    const digits = line.toString("latin1", start, digitsEnd);
    for (; at < end; at++) if (isValue[line[at] ?? 0] !== 1) return "malformed";
    if (!/^[0-9a-f]{1,12}$/i.test(digits)) return "malformed";
    this.#left = Number.parseInt(digits, 16);
    if (this.#bodyBytes + this.#left > this.#maxAnswerBytes) return "tooLarge";
    this.#state = this.#left === 0 ? "trailers" : "chunkData";
    return "more";
  }

  #takeBody(bytes: Buffer, start: number, end: number): AnswerStep {
    const isLength = this.#state === "length";
    if (isLength && this.#bodyBytes === 0 && end - start === this.#left) {
      // It came in one piece.
      this.text = bytes.toString("latin1", start, end);
      return "done";
    }
    if (this.#bodyBytes + end - start > this.#maxAnswerBytes) return "tooLarge";
    this.#append(bytes, start, end);
    if (this.#state === "untilClose") return "more";
    this.#left -= end - start;
    if (this.#left > 0) return "more";
    if (isLength) {
      this.#finish();
      return "done";
    }
    this.#state = "chunkEnd";
    return "more";
  }

  /** The body grows with what came, not with what was announced. */
  #append(bytes: Buffer, start: number, end: number): void {
    const needed = this.#bodyBytes + end - start;
    if (this.#body === null || this.#body.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(firstBodyBytes, needed, (this.#body?.length ?? 0) * 2));
      this.#body?.copy(larger, 0, 0, this.#bodyBytes);
      this.#body = larger;
    }
    bytes.copy(this.#body, this.#bodyBytes, start, end);
    this.#bodyBytes = needed;
  }

  #finish(): void {
    this.text = this.#body === null ? "" : this.#body.toString("latin1", 0, this.#bodyBytes);
    this.#body = null;
  }
}
