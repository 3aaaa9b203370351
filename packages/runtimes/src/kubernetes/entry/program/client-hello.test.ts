import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { mostHelloBytes, readGreeting } from "./client-hello.ts";

/** What Node's own TLS sends first. */
const realHello = async (servername?: string): Promise<Buffer> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", ...(servername === undefined ? {} : { servername }) });
  client.on("error", () => undefined);
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  client.destroy();
  socket.destroy();
  server.close();
  return bytes as Buffer;
};

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const vector = (width: 1 | 2, body: Buffer): Buffer =>
  Buffer.concat([width === 1 ? Buffer.from([body.length]) : u16(body.length), body]);
const extension = (type: number, body: Buffer): Buffer => Buffer.concat([u16(type), vector(2, body)]);
const serverName = (name: string, type = 0): Buffer =>
  extension(0, vector(2, Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, "latin1"))])));

const toHandshake = (extensions: readonly Buffer[] | undefined): Buffer => {
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 1)),
    vector(2, Buffer.from([0x0a, 0x0a, 0x13, 0x01])),
    vector(1, Buffer.from([0])),
    ...(extensions === undefined ? [] : [vector(2, Buffer.concat([...extensions]))]),
  ]);
  return Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
};
/** Cut into records of at most so many bytes. */
const toRecords = (handshake: Buffer, size = 16_000): Buffer => {
  const records: Buffer[] = [];
  for (let at = 0; at < handshake.length; at += size)
    records.push(Buffer.from([22, 3, 1]), vector(2, handshake.subarray(at, at + size)));
  return Buffer.concat(records);
};
const grease = (value: number): Buffer => extension(value, Buffer.from([0]));
const found = (name: string) => ({ kind: "name", serverName: name });

describe("the name in a TLS greeting", () => {
  it("is found in what a real client sends, in lower case, and nothing is decided a byte too early", async () => {
    const hello = await realHello("Peer-Org1-0.Example.ORG");
    expect(readGreeting(hello)).toEqual(found("peer-org1-0.example.org"));
    for (let length = 0; length < hello.length; length++)
      expect(readGreeting(hello.subarray(0, length)), String(length)).toEqual({ kind: "more" });
    // What follows at once (early data) changes nothing.
    expect(readGreeting(Buffer.concat([hello, Buffer.from([23, 3, 3, 0, 1, 0])]))).toMatchObject(
      found("peer-org1-0.example.org"),
    );
  });

  it("is found however the greeting is cut into records", () => {
    const handshake = toHandshake([grease(0x0a0a), serverName("a.example.org"), grease(0xfafa)]);
    for (const size of [1, 2, 3, 5, 7, 64, handshake.length])
      expect(readGreeting(toRecords(handshake, size)), String(size)).toEqual(found("a.example.org"));
  });

  it("is not there, or is none: refused with its reason", async () => {
    expect(readGreeting(await realHello())).toEqual({ kind: "refused", reason: "no_name" });
    const refusedFor = (bytes: Buffer) => {
      const greeting = readGreeting(bytes);
      return greeting.kind === "refused" ? greeting.reason : greeting.kind;
    };
    expect(refusedFor(toRecords(toHandshake(undefined)))).toBe("no_name");
    expect(refusedFor(toRecords(toHandshake([grease(0x1a1a)])))).toBe("no_name");
    expect(refusedFor(toRecords(toHandshake([serverName("a.example.org", 5)])))).toBe("no_name");
    for (const name of ["", "plain", "a..b", ".a.b", "a.b.", "a b.c", "a\0.b", `${"x".repeat(64)}.org`, "a/../b.c"])
      expect(refusedFor(toRecords(toHandshake([serverName(name)]))), name).toBe("malformed");
  });

  it("of something else than TLS is not waited for", () => {
    for (const bytes of ["GET / HTTP/1.1\r\n", "\0", "SSH-2.0-x", "\x15\x03\x01\0\x02\x02\x28"])
      expect(readGreeting(Buffer.from(bytes, "latin1")), bytes).toEqual({ kind: "refused", reason: "not_tls" });
    // A server's answer where a greeting should be.
    expect(readGreeting(toRecords(Buffer.from([2, 0, 0, 1, 0])))).toEqual({ kind: "refused", reason: "not_tls" });
    expect(readGreeting(Buffer.from([22, 2, 0, 0, 1, 1]))).toMatchObject({ kind: "refused" });
  });

  it("is bounded: too long a greeting is refused, by what it announces or by what it sends", () => {
    expect(readGreeting(toRecords(Buffer.from([1, 1, 0, 0, 0])))).toEqual({ kind: "refused", reason: "too_long" });
    const handshake = toHandshake([extension(21, Buffer.alloc(16_000)), serverName("a.example.org")]);
    const slow = toRecords(handshake, 1).subarray(0, mostHelloBytes);
    expect(readGreeting(slow)).toEqual({ kind: "refused", reason: "too_long" });
  });

  it("lengths that lie end nothing but this one connection", () => {
    const hello = toRecords(toHandshake([grease(0x0a0a), serverName("a.example.org"), grease(0x2a2a)]));
    const outcomes = new Set<string>();
    for (let at = 0; at < hello.length; at++)
      for (const value of [0, 1, 0x7f, 0xff]) {
        const bytes = Buffer.from(hello);
        bytes[at] = value;
        outcomes.add(readGreeting(bytes).kind);
      }
    expect([...outcomes].sort()).toEqual(["more", "name", "refused"]);
    let seed = 42;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return (seed >> 8) & 255;
    };
    for (let round = 0; round < 3_000; round++) {
      const bytes = Buffer.from(hello);
      for (let hits = 0; hits < 4; hits++) bytes[random() % bytes.length] = random();
      expect(["more", "name", "refused"]).toContain(readGreeting(bytes.subarray(0, random())).kind);
    }
  });
});
