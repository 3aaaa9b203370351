import { once } from "node:events";
import { createSecureServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { RouteEntry } from "../src/edge/entries.ts";
import { createNodeSessions, type NodeSessions } from "../src/protocols/node-sessions.ts";
import { makeNodeCertificate } from "./fake-grpc-node.ts";
import { eventually } from "./harness.ts";
import { edgeRoute } from "./memory-edge.ts";

const start = async () => {
  const { ca, cert, key } = await makeNodeCertificate();
  const opened: ServerHttp2Session[] = [];
  const server = createSecureServer({ cert, key, ALPNProtocols: ["h2"] });
  server.on("session", (session) => {
    opened.push(session);
    session.on("error", () => undefined);
  });
  server.on("stream", (stream) => stream.on("error", () => undefined));
  // Connections that are held don't get further than the system's own greeting.
  let held: Socket[] | undefined;
  const door = createServer((socket) => {
    socket.on("error", () => undefined);
    if (held === undefined) server.emit("connection", socket);
    else held.push(socket);
  });
  const hold = () => {
    held = [];
  };
  const release = () => {
    for (const socket of held ?? []) server.emit("connection", socket);
    held = undefined;
  };
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  const { port } = door.address() as AddressInfo;
  const target = {
    region: "local",
    node: "peer",
    port: "grpc",
    via: { kind: "address", host: "127.0.0.1", port },
  } as const;
  const entry: RouteEntry = { route: edgeRoute(port, { targets: { grpc: [target] } }), isSuspect: false };
  const warn = vi.fn();
  const sessions = createNodeSessions({ protocols: ["grpc"], log: { info: () => undefined, warn } });
  const take = async () => {
    const session = await sessions.take(entry, [target], ca);
    if (session === null) throw new Error("the node can't be reached");
    return session;
  };
  /** Of a node whose own host is not what is dialled. */
  const takeNamed = (name: string) => sessions.take(entry, [{ ...target, via: { ...target.via, name } }], ca);
  return { opened, door, hold, release, entry, sessions, take, takeNamed, warn };
};

let node: Awaited<ReturnType<typeof start>>;
let sessions: NodeSessions;
beforeEach(async () => {
  node = await start();
  sessions = node.sessions;
});
afterEach(() => {
  sessions.close();
  for (const session of node.opened) session.destroy();
  node.door.close();
});

it("a connection that ends after it said goodbye takes nothing from the one that opens in its place", async () => {
  const first = await node.take();
  const call = first.request({ ":path": "/a" });
  call.on("error", () => undefined);
  await eventually(() => node.opened.length === 1);
  node.opened[0]?.goaway();
  await once(first, "goaway");
  node.hold();
  const second = node.take();
  first.destroy();
  await once(first, "close");
  const third = node.take();
  node.release();
  expect(await third).toBe(await second);
  await eventually(() => node.opened.length > 1);
  expect(node.opened.length).toBe(2);
  expect(node.warn).not.toHaveBeenCalled();
});

it("a connection whose route went while it opened serves who waits for it, and ends", async () => {
  const opening = node.take();
  sessions.listener.onRoute(undefined, node.entry);
  const session = await opening;
  expect(session.closed).toBe(false);
  await eventually(() => session.closed);
});

it("where a node's own name is another than the address that is dialled, its certificate must be for the name", async () => {
  expect(await node.takeNamed("other.example")).toBeNull();
  expect(await node.takeNamed("node.internal")).not.toBeNull();
});
