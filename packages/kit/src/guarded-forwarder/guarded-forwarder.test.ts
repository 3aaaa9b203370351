import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createGuardedForwarder, type ForwardedNetwork, type GuardedForwarder } from "./guarded-forwarder.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const upstream = (): Promise<{ url: string; seen: { url: string; headers: object; body: string }[] }> =>
  new Promise((resolve) => {
    const seen: { url: string; headers: object; body: string }[] = [];
    const server: Server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      seen.push({ url: request.url ?? "", headers: request.headers, body });
      if (request.url === "/redirect") return response.writeHead(307, { location: "http://127.0.0.1:1/inside" }).end();
      return response.setHeader("content-type", "application/json").end('{"jsonrpc":"2.0","id":1,"result":"0x1"}');
    });
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    server.listen(0, "127.0.0.1", () =>
      resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }),
    );
  });

const lines: string[] = [];
const open = async (networks: readonly ForwardedNetwork[]): Promise<GuardedForwarder> => {
  lines.length = 0;
  const log = { warn: (...args: unknown[]) => void lines.push(JSON.stringify(args)) };
  const forwarder = await createGuardedForwarder({ networks, log });
  closing.push(() => forwarder.close());
  return forwarder;
};
const post = (url: string, body: unknown, headers: { [name: string]: string } = {}) =>
  fetch(url, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
const call = (method: string) => ({ jsonrpc: "2.0", id: 1, method, params: [] });

it("forwards reads to the network that the path names, without the node's own headers", async () => {
  const { url, seen } = await upstream();
  const forwarder = await open([{ name: "inner", url: `${url}/key-123`, allowPrivate: true }]);
  const answer = await post(`${forwarder.url}/inner`, [call("eth_getBalance"), call("eth_chainId")], {
    cookie: "a=b",
    "x-own": "1",
  });
  expect([answer.status, await answer.json()]).toEqual([200, { jsonrpc: "2.0", id: 1, result: "0x1" }]);
  expect(seen).toHaveLength(1);
  expect(seen[0]?.url).toBe("/key-123");
  expect(Object.keys(seen[0]?.headers ?? {}).sort()).toEqual([
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
  ]);
});

it("refuses a private network that the operator did not mark, and leaks nothing of it", async () => {
  const { url, seen } = await upstream();
  const forwarder = await open([{ name: "inner", url: `${url}/key-123` }]);
  const answer = await post(`${forwarder.url}/inner`, call("eth_chainId"));
  const text = await answer.text();
  expect(answer.status).toBe(502);
  expect(seen).toEqual([]);
  expect(text + lines.join("")).not.toMatch(/key-123|127\.0\.0\.1/);
  expect(lines.join("")).toContain("address.forbidden");
});

it("does not follow a listed network to somewhere else", async () => {
  const { url, seen } = await upstream();
  const forwarder = await open([{ name: "inner", url: `${url}/redirect`, allowPrivate: true }]);
  expect((await post(`${forwarder.url}/inner`, call("eth_chainId"))).status).toBe(502);
  expect(seen).toHaveLength(1);
});

it.each(["/", "/other", "/inner/", "/inner/more", "/inner?x=1", "/http://127.0.0.1/", "/..%2finner", "/INNER"])(
  "knows no network at %s",
  async (path) => {
    const { url, seen } = await upstream();
    const forwarder = await open([{ name: "inner", url, allowPrivate: true }]);
    expect((await post(forwarder.url + path, call("eth_chainId"))).status).toBe(404);
    expect(seen).toEqual([]);
  },
);

it.each([
  call("eth_sendRawTransaction"),
  call("personal_unlockAccount"),
  call("admin_addPeer"),
  call("anvil_setRpcUrl"),
  [call("eth_chainId"), call("eth_sendRawTransaction")],
  [],
  "not json",
  { jsonrpc: "2.0", id: 1 },
  [[call("eth_chainId")]],
])("lets %j not through: a fork only reads", async (body) => {
  const { url, seen } = await upstream();
  const forwarder = await open([{ name: "inner", url, allowPrivate: true }]);
  expect((await post(`${forwarder.url}/inner`, body)).status).toBe(403);
  expect(seen).toEqual([]);
});

it("takes POST only, of a bounded size", async () => {
  const { url, seen } = await upstream();
  const forwarder = await open([{ name: "inner", url, allowPrivate: true }]);
  expect((await fetch(`${forwarder.url}/inner`)).status).toBe(405);
  const status = await post(`${forwarder.url}/inner`, "x".repeat(3_000_000)).then(
    (answer) => answer.status,
    () => "cut",
  );
  expect([413, "cut"]).toContain(status);
  expect(seen).toEqual([]);
});

it("is on loopback and refuses names that are wrong or double", async () => {
  expect((await open([])).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const log = { warn: () => undefined };
  for (const networks of [
    [{ name: "../x", url: "http://a.example.com" }],
    [
      { name: "a", url: "u" },
      { name: "a", url: "u" },
    ],
  ]) {
    await expect(createGuardedForwarder({ networks, log })).rejects.toThrow("wrong or double");
  }
});
