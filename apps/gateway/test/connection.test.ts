import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Harness, startGateway } from "./harness.ts";

const exchange = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => (answer += String(chunk)));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });

describe("what is no HTTP request", () => {
  let gateway: Harness | undefined;
  afterEach(async () => gateway?.close());

  it.each<[string, string, number]>([
    ["garbage", "\x16\x03\x01 hello\r\n\r\n", 400],
    ["headers that are too large", `POST /chn_1 HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    [
      "two lengths",
      "POST /chn_1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["an expectation", "POST /chn_1 HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", 417],
    ["no host", "POST /chn_1 HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
  ])("%s is answered with a JSON-RPC error and the end", async (_name, text, status) => {
    gateway = await startGateway();
    const answer = await exchange(gateway.port, text);
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(head).toMatch(/content-type: application\/json/i);
    expect(JSON.parse(body)).toMatchObject({
      jsonrpc: "2.0",
      id: null,
      error: { code: -32600, data: { code: "request.invalid", requestId: expect.stringMatching(/^req_/) as string } },
    });
  });
});
