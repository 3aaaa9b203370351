import { connect } from "node:net";
import { problem } from "@portolan/contract";
import { describe, expect, it } from "vitest";
import { startApi } from "./harness.ts";

const api = await startApi();
await api.app.listen({ host: "127.0.0.1", port: 0 });
const address = api.app.server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;

/** All that comes back until the server closes the connection. */
const exchange = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => (answer += String(chunk)));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });

describe("what is no HTTP request", () => {
  it.each<[string, string, number]>([
    ["garbage", "\x16\x03\x01 hello\r\n\r\n", 400],
    ["headers that are too large", `GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    [
      "two lengths",
      "POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["an expectation", "GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", 417],
    ["no host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
  ])("%s is answered with a problem document and the end", async (_name, text, status) => {
    const answer = await exchange(text);
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(head).toMatch(/content-type: application\/problem\+json/i);
    const document = problem.parse(JSON.parse(body));
    expect(document).toMatchObject({ status, code: "request.invalid", requestId: expect.stringMatching(/^req_/) });
    expect(head).toContain(document.requestId);
  });
});

it("bounds connections and the time of a request, not the time of its answer", () => {
  const { server } = api.app;
  expect(server.headersTimeout).toBe(10_000);
  expect(server.requestTimeout).toBe(30_000);
  expect(server.keepAliveTimeout).toBe(65_000);
  expect(server.maxConnections).toBeGreaterThan(0);
  // A socket's own time-out would cut what is held back on purpose.
  expect(server.timeout).toBe(0);
});

it("cuts a connection that says nothing, and one that never ends its headers", async () => {
  const startedAt = performance.now();
  const [silent, slow] = await Promise.all([exchange(""), exchange("GET /healthz HTTP/1.1\r\nHost: a\r\n")]);
  expect(performance.now() - startedAt).toBeLessThan(28_000);
  expect(slow).toContain("HTTP/1.1 408 ");
  expect(slow).toContain('"status":408');
  expect(silent).toMatch(/^$|HTTP\/1.1 408 /);
});
