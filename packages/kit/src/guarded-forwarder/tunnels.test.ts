import { request } from "node:http";
import { createConnection, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createGuardedForwarder, type GuardedForwarder } from "./guarded-forwarder.ts";
import { createPermits } from "./permit.ts";
import type { TunnelSettings } from "./tunnels.ts";

const permits = createPermits(Buffer.alloc(32, 7));
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Says back what it hears. */
const echo = (): Promise<{ port: number; sockets: Socket[] }> =>
  new Promise((resolve) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined).pipe(socket);
    });
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ port: typeof address === "object" && address !== null ? address.port : 0, sockets });
    });
  });

const lines: string[] = [];
const open = async (tunnels?: Omit<TunnelSettings, "permits">): Promise<GuardedForwarder> => {
  lines.length = 0;
  const log = { warn: (...args: unknown[]) => void lines.push(JSON.stringify(args)) };
  const forwarder = await createGuardedForwarder({
    networks: [],
    log,
    ...(tunnels === undefined ? {} : { tunnels: { permits, ...tunnels } }),
  });
  closing.push(() => forwarder.close());
  return forwarder;
};

const connect = (url: string, address: string, permit?: string) =>
  new Promise<{ status: number | undefined; reason: unknown; socket: Socket }>((resolve, reject) => {
    const headers = permit === undefined ? {} : { "proxy-authorization": `Permit ${permit}` };
    const { hostname, port } = new URL(url);
    const outgoing = request({ host: hostname, port, method: "CONNECT", path: address, headers, agent: false });
    outgoing.once("connect", (answer, socket) => {
      closing.push(() => socket.destroy());
      resolve({ status: answer.statusCode, reason: answer.headers["portolan-reason"], socket: socket as Socket });
    });
    outgoing.once("error", reject);
    outgoing.end();
  });

const hear = (socket: Socket): Promise<string> =>
  new Promise((resolve) => socket.once("data", (chunk) => resolve(String(chunk))));
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : socket.resume().once("close", () => resolve())));

describe("a tunnel", () => {
  it("says the same trouble of a chain once a minute, however often it is tried", async () => {
    let now = 0;
    const resolve = () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
    const { url } = await open({ dial: { resolve }, now: () => now });
    const attempt = (chainId: string) => connect(url, "cc.example:1", permits.issue(chainId, "cc.example:1"));
    for (let count = 0; count < 5; count++) await attempt("chn_a");
    await attempt("chn_b");
    expect(lines.map((line) => JSON.parse(line)[0].chainId)).toEqual(["chn_a", "chn_b"]);
    now = 60_000;
    await attempt("chn_a");
    expect(JSON.parse(lines[2] ?? "[]")[0]).toMatchObject({ chainId: "chn_a", repeated: 4 });
  });

  it("carries bytes as they are, both ways, and ends at both ends", async () => {
    const { port, sockets } = await echo();
    const { url } = await open({ allowPrivate: true });
    const address = `127.0.0.1:${port}`;
    const { status, socket } = await connect(url, address, permits.issue("chn_a", address));
    expect(status).toBe(200);
    socket.write("\u0000PRI");
    expect(await hear(socket)).toBe("\u0000PRI");
    sockets[0]?.destroy();
    await closed(socket);
  });

  it("to a private address is refused unless the operator says so, without a socket and without a detail", async () => {
    const { port, sockets } = await echo();
    const { url } = await open({});
    for (const address of [`127.0.0.1:${port}`, `localhost:${port}`, `127.1:${port}`, "169.254.169.254:80"]) {
      const { status, reason } = await connect(url, address, permits.issue("chn_a", address));
      expect([status, reason]).toEqual([403, "address.forbidden"]);
    }
    expect(sockets).toEqual([]);
    expect(lines.join("")).toContain("chn_a");
  });

  it("looks at the name anew for each connection", async () => {
    const { port, sockets } = await echo();
    let asked = 0;
    const dial = {
      resolve: async () => (asked++ === 0 ? [`93.184.215.14`] : ["127.0.0.1"]),
      connect: () => createConnection(port),
    };
    const { url } = await open({ dial });
    const address = "cc.example.com:7052";
    const permit = permits.issue("chn_a", address);
    expect((await connect(url, address, permit)).status).toBe(200);
    expect((await connect(url, address, permit)).status).toBe(403);
    expect(sockets).toHaveLength(1);
  });

  it("needs the permit of that very address", async () => {
    const { port, sockets } = await echo();
    const { url } = await open({ allowPrivate: true });
    const address = `127.0.0.1:${port}`;
    const good = permits.issue("chn_a", address);
    const foreign = createPermits(Buffer.alloc(32, 8)).issue("chn_a", address);
    const other = permits.issue("chn_a", "127.0.0.1:1");
    for (const permit of [undefined, "", "x", foreign, other, good.replace("chn_a", "chn_b"), `${good}0`])
      expect((await connect(url, address, permit)).status).toBe(407);
    expect(sockets).toEqual([]);
  });

  it("that nobody answers says why", async () => {
    const { url } = await open({ allowPrivate: true });
    const { status, reason } = await connect(url, "127.0.0.1:1", permits.issue("chn_a", "127.0.0.1:1"));
    expect([status, reason]).toEqual([502, "ECONNREFUSED"]);
  });

  it("is one of so many of a chain, and of all", async () => {
    const { port } = await echo();
    const { url } = await open({ allowPrivate: true, maxOpen: 3, maxOpenOfChain: 2 });
    const address = `127.0.0.1:${port}`;
    const of = (chain: string) => connect(url, address, permits.issue(chain, address));
    const [first] = [await of("chn_a"), await of("chn_a")];
    expect((await of("chn_a")).status).toBe(503);
    expect((await of("chn_b")).status).toBe(200);
    expect((await of("chn_c")).status).toBe(503);
    first?.socket.destroy();
    await expect.poll(async () => (await of("chn_c")).status).toBe(200);
  });

  it("on which nothing moves is closed, and all with the forwarder", async () => {
    const { port } = await echo();
    const idle = await open({ allowPrivate: true, idleMs: 50 });
    const address = `127.0.0.1:${port}`;
    await closed((await connect(idle.url, address, permits.issue("chn_a", address))).socket);
    const forwarder = await open({ allowPrivate: true });
    const { socket } = await connect(forwarder.url, address, permits.issue("chn_a", address));
    await forwarder.close();
    await closed(socket);
  });

  it("is not offered where nobody asked for it", async () => {
    const { url } = await open();
    await expect(connect(url, "127.0.0.1:1", permits.issue("chn_a", "127.0.0.1:1"))).rejects.toThrow();
  });
});

it("a key of permits is long, and a permit the same each time", () => {
  expect(() => createPermits(Buffer.alloc(16))).toThrow("32 bytes");
  expect(permits.issue("chn_a", "a:1")).toBe(permits.issue("chn_a", "a:1"));
  expect(permits.verify(permits.issue("chn_a", "a:1"), "a:1")).toBe("chn_a");
});
