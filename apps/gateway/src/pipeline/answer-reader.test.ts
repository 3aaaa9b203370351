import { describe, expect, it } from "vitest";
import { AnswerReader, type AnswerStep } from "./answer-reader.ts";

const bound = 1_000;
const body = '{"jsonrpc":"2.0","id":1,"result":"0xé☃"}';
const bytes = Buffer.from(body);
const length = `Content-Length: ${bytes.length}\r\n`;
const asText = bytes.toString("latin1");
const withLength = (head: string): string => `HTTP/1.1 200 OK\r\n${head}${length}\r\n${asText}`;
const chunked = (rest: string, head = ""): string =>
  `HTTP/1.1 200 OK\r\n${head}Transfer-Encoding: chunked\r\n\r\n${rest}`;

/** Feeds pieces through one buffer that is overwritten after each, as a connection does. */
const feed = (reader: AnswerReader, pieces: readonly Buffer[]): AnswerStep => {
  let step: AnswerStep = "more";
  for (const piece of pieces) {
    const shared = Buffer.alloc(piece.length + 50, "\r\nHTTP/1.1 ");
    piece.copy(shared);
    step = reader.feed(shared, piece.length);
    shared.fill(120);
    if (step !== "more") return step;
  }
  return step;
};
const splits = (wire: string): Buffer[][] => {
  const all = Buffer.from(wire, "latin1");
  const found = [[all], [...all].map((byte) => Buffer.from([byte]))];
  for (let at = 1; at < all.length; at++) found.push([all.subarray(0, at), all.subarray(at)]);
  return found;
};
const read = (pieces: readonly Buffer[]) => {
  const reader = new AnswerReader(bound);
  const step = feed(reader, pieces);
  return { step, reader };
};

describe("AnswerReader", () => {
  it.each<[string, string, { status?: number; text?: string; isReusable?: boolean; keepAliveMs?: number }]>([
    ["a length", withLength(""), {}],
    ["a status without words", `HTTP/1.1 200\r\n${length}\r\n${asText}`, {}],
    ["an error of the client", `HTTP/1.1 400 Bad\r\n${length}\r\n${asText}`, { status: 400 }],
    ["a length of none", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", { text: "" }],
    ["no content", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, text: "" }],
    ["odd spelling", `HTTP/1.1 200 \xe9\r\nX-A:\t b \r\nCONTENT-LENGTH:${bytes.length}  \r\n\r\n${asText}`, {}],
    ["the end after it", withLength("Connection: Close\r\n"), { isReusable: false }],
    ["two wishes", withLength("Connection: keep-alive, close\r\n"), { isReusable: false }],
    ["wishes with blanks", withLength("Connection:\t keep-alive \t,\tclose \r\n"), { isReusable: false }],
    ["a time to live", withLength("Keep-Alive: timeout=5, max=100\r\n"), { keepAliveMs: 5_000 }],
    ["an old protocol", `HTTP/1.0 200 OK\r\n${length}\r\n${asText}`, { isReusable: false }],
    ["an old protocol that stays", `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${length}\r\n${asText}`, {}],
    ["one chunk", chunked(`${bytes.length.toString(16)}\r\n${asText}\r\n0\r\n\r\n`), {}],
    [
      "chunks, extensions and trailers",
      chunked(
        `A;x="y"\r\n${asText.slice(0, 10)}\r\n00${(bytes.length - 10).toString(16)} \r\n${asText.slice(10)}\r\n000\r\nX-T: 1\r\n\r\n`,
      ),
      {},
    ],
    ["no chunk", chunked("0\r\n\r\n"), { text: "" }],
    [
      "interim answers before it",
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n${withLength("")}`,
      {},
    ],
  ])("reads %s, wherever it is split", (_name, wire, expected) => {
    for (const pieces of splits(wire)) {
      const { step, reader } = read(pieces);
      const { status, text, isReusable, hasSurplus, keepAliveMs } = reader;
      expect({ step, status, text, isReusable, hasSurplus, keepAliveMs }).toEqual({
        step: "done",
        status: 200,
        text: asText,
        isReusable: true,
        hasSurplus: false,
        keepAliveMs: Infinity,
        ...expected,
      });
    }
  });

  it("reads to the end of the connection what has no length, and nothing else", () => {
    for (const pieces of splits(`HTTP/1.1 200 OK\r\n\r\n${asText}`)) {
      const { step, reader } = read(pieces);
      expect([step, reader.end(), reader.text, reader.isReusable]).toEqual(["more", "done", asText, false]);
    }
    const wires = [withLength(""), chunked(`${bytes.length.toString(16)}\r\n${asText}\r\n0\r\n\r\n`)];
    for (const wire of wires)
      for (let at = 0; at < wire.length; at++) {
        const { step, reader } = read([Buffer.from(wire.slice(0, at), "latin1")]);
        expect([step, reader.end()]).toEqual(["more", "malformed"]);
      }
  });

  it.each<[string, string]>([
    ["noise", "\x16\x03\x01 hello\r\n"],
    ["another protocol", "HTTP/2 200 OK\r\n"],
    ["another version", "HTTP/1.2 200 OK\r\n"],
    ["a short status", "HTTP/1.1 20 OK\r\n"],
    ["a long status", "HTTP/1.1 2000 OK\r\n"],
    ["a status of none", "HTTP/1.1 099 OK\r\n"],
    ["an empty line first", `\r\n${withLength("")}`],
    ["bare line feeds", `HTTP/1.1 200 OK\n${length}\r\n${asText}`],
    ["a bare line feed at the end of the head", `HTTP/1.1 200 OK\r\n${length}\n${asText}`],
    ["a bare carriage return", withLength("X-A: b\rc\r\n")],
    ["a zero byte", withLength("X-A: \0\r\n")],
    ["a folded header", withLength("X-A: b\r\n c\r\n")],
    ["a header without a colon", withLength("X-A\r\n")],
    ["a header without a name", withLength(": b\r\n")],
    ["a space before the colon", withLength("Content-Length : 1\r\n")],
    ["two lengths", withLength(length)],
    ["a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nabcde"],
    ["a length below none", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
    ["a length in hex", "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nabcde"],
    ["a length with another blank", "HTTP/1.1 200 OK\r\nContent-Length: 5\xa0\r\n\r\nabcde"],
    ["a length after another blank", "HTTP/1.1 200 OK\r\nContent-Length:\xa05\r\n\r\nabcde"],
    ["chunks with another blank", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n"],
    ["a chunk size with another blank", chunked("3\xa0\r\nabc\r\n0\r\n\r\n")],
    ["an empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nabcde"],
    ["a length beyond numbers", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"],
    ["a length and chunks", chunked(`5\r\nabcde\r\n0\r\n\r\n`, "Content-Length: 5\r\n")],
    ["chunks and a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"],
    ["another encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
    ["the encoding twice", chunked("0\r\n\r\n", "Transfer-Encoding: chunked\r\n")],
    ["chunks of an old protocol", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["another protocol's beginning", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ["a chunk without a size", chunked("\r\nabc\r\n")],
    ["a chunk below none", chunked("-1\r\nabc\r\n")],
    ["a chunk size in C", chunked("0x3\r\nabc\r\n")],
    ["a space before a chunk size", chunked(" 3\r\nabc\r\n")],
    ["a bare line feed after a chunk size", chunked("3\nabc\r\n")],
    ["a chunk that is longer than it says", chunked("3\r\nabcd\r\n0\r\n\r\n")],
    ["a chunk size beyond numbers", chunked("fffffffffffffffff\r\n")],
    ["a trailer that is no header", chunked("0\r\nnonsense\r\n\r\n")],
    ["a head that is too large", withLength(`X: ${"x".repeat(16 * 1024)}\r\n`)],
    ["too many headers", withLength("X: y\r\n".repeat(3_000))],
    ["too many interim answers", "HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)],
    ["a chunk extension without end", chunked(`3;${"x".repeat(2_000)}\r\nabc\r\n`)],
    ["a line without end", "HTTP/1.1 200 OK".padEnd(20_000, "x")],
  ])("refuses %s", (_name, wire) => {
    const all = Buffer.from(wire, "latin1");
    expect(read([all]).step).toBe("malformed");
    expect(read([...all].map((byte) => Buffer.from([byte]))).step).toBe("malformed");
  });

  it.each<[string, string]>([
    ["announced", `HTTP/1.1 200 OK\r\nContent-Length: ${bound + 1}\r\n\r\n`],
    ["in chunks", chunked(`${bound.toString(16)}\r\n${"x".repeat(bound)}\r\n1\r\n`)],
    ["in one chunk", chunked("fffffff\r\n")],
    ["until the end", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(bound + 1)}`],
  ])("bounds an answer, %s", (_name, wire) => {
    const all = Buffer.from(wire, "latin1");
    expect(read([all]).step).toBe("tooLarge");
    expect(read([...all].map((byte) => Buffer.from([byte]))).step).toBe("tooLarge");
    expect(read([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bound}\r\n\r\n${"x".repeat(bound)}`)]).step).toBe(
      "done",
    );
  });

  it("tells bytes that nobody asked for, and does not pass them on", () => {
    const { step, reader } = read([Buffer.from(`${withLength("")}H`, "latin1")]);
    expect([step, reader.text, reader.hasSurplus, reader.isReusable]).toEqual(["done", asText, true, false]);
  });

  it("forgets an answer before the next one", () => {
    const reader = new AnswerReader(bound);
    const wires = [chunked("3\r\nabc\r\n0\r\n\r\n"), withLength(""), chunked("2\r\nde\r\n0\r\n\r\n")];
    const texts = wires.map((wire) => {
      reader.reset();
      expect(feed(reader, [Buffer.from(wire, "latin1")])).toBe("done");
      return reader.text;
    });
    expect(texts).toEqual(["abc", asText, "de"]);
  });
});
