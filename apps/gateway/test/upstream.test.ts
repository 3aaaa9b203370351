import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createUpstream, type Upstream, type UpstreamSettings } from "../src/pipeline/upstream.ts";
import { eventually } from "./harness.ts";
import { createCall, type Outcome, ok, type SeenRequest, startScriptedNode } from "./scripted-node.ts";

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe("the way to a node", () => {
  const open: { upstreams: Upstream[]; nodes: { close(): Promise<void> }[] } = { upstreams: [], nodes: [] };
  afterEach(async () => {
    for (const upstream of open.upstreams.splice(0)) upstream.destroy();
    for (const node of open.nodes.splice(0)) await node.close();
  });
  const start = async (onRequest: (seen: SeenRequest, index: number) => void, over: Partial<UpstreamSettings> = {}) => {
    const node = await startScriptedNode(onRequest);
    const causes: string[] = [];
    let nowMs = 0;
    const upstream = createUpstream({
      target: { region: "r", node: "n", port: "rpc", via: { kind: "address", host: "127.0.0.1", port: node.port } },
      onSuspect: (cause) => causes.push(cause),
      now: () => nowMs,
      ...over,
    });
    open.upstreams.push(upstream);
    open.nodes.push(node);
    // The connection that only watches is the first.
    await eventually(() => node.sockets.length === 1);
    const send = (body = "{}", deadlineMs = Infinity): Promise<Outcome> => {
      const { call, outcome } = createCall(deadlineMs);
      expect(upstream.send(body, call)).toBe(true);
      return outcome;
    };
    const advance = (ms: number): void => {
      nowMs += ms;
      upstream.expire(nowMs);
    };
    return { node, causes, upstream, send, advance };
  };

  it("writes a request in one piece, byte for byte, and keeps the connection", async () => {
    const { node, send, causes } = await start(({ socket, body }) => socket.write(ok(body), "latin1"));
    for (const text of ['{"id":1}', '["é☃😀"]', "", "\0\xff"]) {
      const body = Buffer.from(text).toString("latin1");
      expect(await send(body)).toEqual({ status: 200, text: body });
    }
    expect(node.pieces[1]).toBe(
      `POST / HTTP/1.1\r\nhost: 127.0.0.1:${node.port}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n${Buffer.from('["é☃😀"]').toString("latin1")}`,
    );
    expect(node.pieces.length).toBe(4);
    expect(new Set(node.requests.map(({ connection }) => connection))).toEqual(new Set([1]));
    expect(causes).toEqual([]);
  });

  it("carries what is larger than any buffer, both ways", async () => {
    const { send } = await start(({ socket, body }) => socket.write(ok(body), "latin1"));
    let large = "";
    for (let at = 0; large.length < 5_000_000; at++) large += `${at},é`;
    expect(await send(large)).toEqual({ status: 200, text: large });
    expect(await send("x")).toEqual({ status: 200, text: "x" });
  });

  it("has no more connections than its bound, one call on each, and gives everyone his own answer", async () => {
    const busy = new Map<number, number>();
    let most = 0;
    const { node, send, causes } = await start(
      ({ socket, body, connection }) => {
        busy.set(connection, (busy.get(connection) ?? 0) + 1);
        expect(busy.get(connection)).toBe(1);
        most = Math.max(most, [...busy.values()].filter((count) => count > 0).length);
        const [head, rest] = [ok(`answer ${body}`).slice(0, 30), ok(`answer ${body}`).slice(30)];
        setTimeout(() => {
          socket.write(head);
          setImmediate(() => {
            busy.set(connection, 0);
            socket.write(rest);
          });
        }, Math.random() * 5);
      },
      { maxConnections: 8 },
    );
    const outcomes = await Promise.all(Array.from({ length: 500 }, (_, index) => send(String(index))));
    expect(outcomes).toEqual(Array.from({ length: 500 }, (_, index) => ({ status: 200, text: `answer ${index}` })));
    expect([most, node.sockets.length, causes]).toEqual([8, 9, []]);
    expect(new Set(node.requests.map(({ body }) => body)).size).toBe(500);
    expect(node.requests.length).toBe(500);
  });

  it("takes no more calls than its bound", async () => {
    const held: SeenRequest[] = [];
    const { send, upstream } = await start((seen) => held.push(seen), { maxConnections: 2, maxCalls: 5 });
    const calls = Array.from({ length: 5 }, (_, index) => send(String(index)));
    expect(upstream.send("", createCall().call)).toBe(false);
    await eventually(() => held.length === 2);
    expect(upstream.send("", createCall().call)).toBe(false);
    held[0]?.socket.write(ok("a"));
    await calls[0];
    calls.push(send("5"));
    expect(upstream.send("", createCall().call)).toBe(false);
  });

  it("never sends a call twice, and closes the route, when the node ends a used connection", async () => {
    for (const ending of [
      (seen: SeenRequest) => seen.socket.end(),
      (seen: SeenRequest) => seen.socket.resetAndDestroy(),
    ]) {
      const { node, send, causes } = await start((seen, index) => {
        if (index === 0) seen.socket.write(ok("a"));
        else ending(seen);
      });
      await send();
      expect(await send()).toEqual({ lost: "broken" });
      await settled();
      expect([node.requests.length, causes.length]).toEqual([2, 1]);
    }
  });

  it("sends nothing that waits to a node that ended a connection", async () => {
    const { node, send, causes } = await start(({ socket }) => socket.destroy(), { maxConnections: 1 });
    const outcomes = await Promise.all([send("a"), send("b"), send("c")]);
    expect(outcomes).toEqual([{ lost: "broken" }, { lost: "unsent" }, { lost: "unsent" }]);
    expect([node.requests.length, causes]).toEqual([1, ["closed"]]);
  });

  it("sends nothing that waits to a node that ended a connection while the route was closing", async () => {
    const { node, send, upstream, causes } = await start(() => undefined, { maxConnections: 1 });
    const calls = [send("a"), send("b"), send("c")];
    await eventually(() => node.requests.length === 1);
    const closed = upstream.close();
    node.requests[0]?.socket.destroy();
    expect(await Promise.all(calls)).toEqual([{ lost: "broken" }, { lost: "unsent" }, { lost: "unsent" }]);
    await closed;
    await settled();
    expect([node.requests.length, causes]).toEqual([1, []]);
  });

  it.each<[string, string, Outcome]>([
    ["garbage", "hello\r\n\r\n", { lost: "broken" }],
    ["the end in a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", { lost: "broken" }],
    ["the end in a head", "HTTP/1.1 200 OK\r\nContent-", { lost: "broken" }],
    ["the end in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", { lost: "broken" }],
    ["a head that is too large", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, { lost: "broken" }],
    ["more than was asked for", `${ok("abc")}HTTP/1.1 200 OK\r\n`, { status: 200, text: "abc" }],
  ])("closes the route after %s", async (_name, wire, outcome) => {
    const { send, causes } = await start(({ socket }) => socket.end(wire));
    expect(await send()).toEqual(outcome);
    expect(causes.length).toBe(1);
  });

  it.each<[string, string, Outcome]>([
    ["an answer that says so", ok("abc", "Connection: close\r\n"), { status: 200, text: "abc" }],
    ["an old answer", "HTTP/1.0 200 OK\r\n\r\nabc", { status: 200, text: "abc" }],
    ["an answer without a length", "HTTP/1.1 500 No\r\n\r\nabc", { status: 500, text: "abc" }],
    ["an answer that is too large", ok("x".repeat(1_001)), { lost: "tooLarge" }],
    ["a connection that would not live", ok("abc", "Keep-Alive: timeout=2\r\n"), { status: 200, text: "abc" }],
  ])("leaves the route open after %s, but not the connection", async (_name, wire, outcome) => {
    const { node, send, causes } = await start(({ socket }) => socket.end(wire), { maxAnswerBytes: 1_000 });
    expect(await send()).toEqual(outcome);
    expect(await send()).toEqual(outcome);
    await settled();
    expect([causes, node.sockets.length]).toEqual([[], 3]);
  });

  it("closes the route when an idle connection speaks or ends", async () => {
    for (const act of [
      (seen: SeenRequest) => seen.socket.write(ok("late")),
      (seen: SeenRequest) => seen.socket.end(),
    ]) {
      const { node, send, causes } = await start(({ socket }) => socket.write(ok("a")));
      await send();
      const seen = node.requests[0];
      if (seen !== undefined) act(seen);
      await eventually(() => causes.length === 1);
    }
  });

  it("closes the route when the node can't be reached, and loses what waits", async () => {
    const { node, send, causes } = await start(() => undefined);
    const { port } = node;
    await node.close();
    await eventually(() => causes.length === 1);
    const later: string[] = [];
    const upstream = createUpstream({
      target: { region: "r", node: "n", port: "rpc", via: { kind: "relay", url: `http://127.0.0.1:${port}/x` } },
      onSuspect: (cause) => later.push(cause),
    });
    const { call, outcome } = createCall();
    upstream.send("{}", call);
    expect(await outcome).toEqual({ lost: "unsent" });
    expect(later).toEqual(["ECONNREFUSED"]);
    // Each call tries anew, whatever became of the last attempt.
    for (let attempt = 0; attempt < 3; attempt++) expect(await send()).toEqual({ lost: "unsent" });
  });

  it("gives up a connection that does not open in time", async () => {
    const node = await startScriptedNode(() => undefined);
    open.nodes.push(node);
    const causes: string[] = [];
    let nowMs = 0;
    // It accepts, but never answers the handshake.
    const upstream = createUpstream({
      target: { region: "r", node: "n", port: "rpc", via: { kind: "relay", url: `https://127.0.0.1:${node.port}/` } },
      onSuspect: (cause) => causes.push(cause),
      now: () => nowMs,
    });
    open.upstreams.push(upstream);
    const { call, outcome } = createCall();
    upstream.send("{}", call);
    await eventually(() => node.pieces.length > 0);
    nowMs = 1_999;
    upstream.expire(nowMs);
    await settled();
    expect(causes).toEqual([]);
    nowMs = 2_000;
    upstream.expire(nowMs);
    expect([await outcome, causes]).toEqual([{ lost: "unsent" }, ["ETIMEDOUT"]]);
  });

  it("gives up what waits too long, and never sends it", async () => {
    const { node, send, advance } = await start(() => undefined, { maxConnections: 1 });
    const calls = [send("a", 9_000), send("b", 1_000), send("c", 1_000)];
    await eventually(() => node.requests.length === 1);
    advance(1_000);
    expect(await Promise.all(calls.slice(1))).toEqual(["expired", "expired"]);
    node.requests[0]?.socket.write(ok("a"));
    await calls[0];
    await settled();
    expect(node.requests.length).toBe(1);
  });

  it("gives up what is late, sent or waiting, without a word against the node", async () => {
    const { node, send, causes, advance } = await start(() => undefined, { maxConnections: 2 });
    const calls = [send("a", 1_000), send("b", 3_000), send("c", 2_000)];
    await eventually(() => node.requests.length === 2);
    advance(999);
    await settled();
    expect(node.requests.length).toBe(2);
    advance(1);
    expect(await calls[0]).toBe("expired");
    // Its place is free again, on a connection of its own: a late answer would be nobody's.
    await eventually(() => node.requests.length === 3);
    expect(node.requests.map(({ connection }) => connection)).toEqual([1, 2, 3]);
    advance(2_000);
    expect(await Promise.all(calls)).toEqual(["expired", "expired", "expired"]);
    expect(causes).toEqual([]);
  });

  it("ends an idle connection before the node does", async () => {
    const { node, send, causes, advance } = await start(({ socket }) =>
      socket.write(ok("a", "Keep-Alive: timeout=5\r\n")),
    );
    await send();
    advance(2_900);
    await send();
    expect(node.sockets.length).toBe(2);
    advance(3_000);
    await eventually(() => node.sockets[1]?.closed === true);
    await send();
    expect([node.sockets.length, causes]).toEqual([3, []]);
  });

  it("lets calls end when it closes, and ends its idle connections", async () => {
    const held: SeenRequest[] = [];
    const { node, send, upstream, causes } = await start(
      (seen) => {
        if (seen.body === "now") seen.socket.write(ok("a"));
        else held.push(seen);
      },
      { maxConnections: 2 },
    );
    await send("now");
    const calls = [send("x"), send("y"), send("z")];
    await eventually(() => held.length === 2);
    let isClosed = false;
    const closed = upstream.close().then(() => {
      isClosed = true;
    });
    held[0]?.socket.write(ok("x"));
    await calls[0];
    await eventually(() => held.length === 3);
    expect(isClosed).toBe(false);
    held[1]?.socket.write(ok("y"));
    held[2]?.socket.write(ok("z"));
    expect(await Promise.all(calls)).toEqual(["x", "y", "z"].map((text) => ({ status: 200, text })));
    await closed;
    await eventually(() => node.sockets.every(({ closed: isGone }) => isGone));
    expect(causes).toEqual([]);
  });

  it("loses everything at once when it is destroyed", async () => {
    const { node, send, upstream, causes } = await start(() => undefined, { maxConnections: 1 });
    const calls = [send("a"), send("b")];
    await eventually(() => node.requests.length === 1);
    upstream.destroy();
    expect(await Promise.all(calls)).toEqual([{ lost: "broken" }, { lost: "unsent" }]);
    await eventually(() => node.sockets.every(({ closed }) => closed));
    expect(causes).toEqual([]);
  });

  it("does not use a connection again on which a request was answered before it was whole", async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.on("error", () => undefined);
      socket.once("data", () => {
        socket.pause();
        socket.write(ok("early"));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const upstream = createUpstream({
      target: { region: "r", node: "n", port: "rpc", via: { kind: "relay", url: `http://127.0.0.1:${port}/` } },
      onSuspect: () => undefined,
    });
    open.upstreams.push(upstream);
    for (const size of [30_000_000, 1]) {
      const { call, outcome } = createCall();
      upstream.send("x".repeat(size), call);
      expect(await outcome).toEqual({ status: 200, text: "early" });
    }
    expect(connections).toBe(2);
    server.close();
  });
});
