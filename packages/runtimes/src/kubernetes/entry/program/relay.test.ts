import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { createServer, type TLSSocket, connect as tlsConnect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeServerPair } from "../../../../test/server-pair.ts";
import { createRelay, type Relay, type RelayLimits } from "./relay.ts";
import type { Route } from "./routes.ts";

/** Its end, well or not. */
const closeOf = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket
      .on("error", () => undefined)
      .once("end", resolve)
      .once("close", () => resolve())
      .resume();
  });

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const limits: RelayLimits = {
  connections: 50,
  connectionsPerName: 50,
  helloMs: 10_000,
  connectMs: 5_000,
  idleMs: 60_000,
};

interface Node {
  name: string;
  ca: string;
  server: Server;
}

/** Answers with its name; then everything that it gets, as a digest, once its caller has no more to say. */
const startNode = async (name: string): Promise<Node> => {
  const { ca, ...pair } = await makeServerPair([name]);
  const server = createServer({ ...pair, allowHalfOpen: true }, (socket: TLSSocket) => {
    const hash = createHash("sha256");
    socket.on("error", () => undefined);
    socket.write(`${name}\n`);
    socket.on("data", (piece) => hash.update(piece));
    socket.on("end", () => socket.end(`${hash.digest("hex")}\n`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { name, ca, server };
};

describe("the relay, with real TLS from end to end", () => {
  const nodes: Node[] = [];
  const relays: Relay[] = [];
  beforeAll(async () => {
    nodes.push(await startNode("a.example.org"), await startNode("b.example.org"));
  });
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.close()));
  });
  afterAll(() => {
    for (const { server } of nodes) server.close();
  });

  const nodeOf = (name: string): Node => {
    const found = nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  const routeTo = ({ name, server }: Node): [string, Route] => [
    name,
    { serverName: name, host: "127.0.0.1", port: portOf(server) },
  ];
  const start = async (change: Partial<RelayLimits> = {}): Promise<{ relay: Relay; port: number }> => {
    const relay = createRelay({ ...limits, ...change }, () => undefined);
    relays.push(relay);
    relay.setRoutes(new Map(nodes.map(routeTo)));
    relay.server.listen(0, "127.0.0.1");
    await once(relay.server, "listening");
    return { relay, port: portOf(relay.server) };
  };
  /** The port where callers of a node come by number. */
  const showByNumber = async (relay: Relay, node: Server): Promise<number> => {
    const server = relay.serverOf(30_300).listen(0, "127.0.0.1");
    await Promise.all([node.listen(0, "127.0.0.1"), server].map((each) => once(each, "listening")));
    relay.setRoutes(new Map([[":30300", { number: 30_300, host: "127.0.0.1", port: portOf(node) }]]));
    return portOf(server);
  };
  const dial = (port: number, servername: string, ca = nodes.map((node) => node.ca)): TLSSocket => {
    const wish = { host: "127.0.0.1", port, servername, ca, allowHalfOpen: true };
    // How it fails is looked at where it is of interest.
    return tlsConnect(wish).on("error", () => undefined);
  };
  /** What is answered to the end, after `sent`; the certificate was that of this name. */
  const talk = async (port: number, servername: string, sent: Buffer = Buffer.alloc(0)): Promise<string[]> => {
    const socket = dial(port, servername, [nodeOf(servername).ca]);
    let text = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    socket.end(sent);
    await once(socket, "end");
    socket.destroy();
    return text.trim().split("\n");
  };
  const failure = async (socket: TLSSocket): Promise<string> => {
    const [error] = await once(socket, "error");
    return String((error as { code?: string }).code ?? error);
  };

  it("hands each caller on to the node that it asks for, whose own certificate it sees, and every byte both ways", async () => {
    const { port } = await start();
    const sent = randomBytes(3 << 20);
    const digest = createHash("sha256").update(sent).digest("hex");
    const answers = await Promise.all(["a.example.org", "b.example.org"].map((name) => talk(port, name, sent)));
    expect(answers).toEqual([
      ["a.example.org", digest],
      ["b.example.org", digest],
    ]);
  });

  it("ends a connection of whoever asks for a name without a route, by TLS's own word for it", async () => {
    const { port } = await start();
    expect(await failure(dial(port, "c.example.org"))).toBe("ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
  });

  it("whoever was refused is not kept, whatever it goes on to say", async () => {
    const { relay, port } = await start();
    const listener = createPlainServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const arrived = once(listener, "connection");
    const speaker = dial(portOf(listener), "c.example.org");
    const [heard] = (await arrived) as [Socket];
    const [hello] = (await once(heard, "data")) as [Buffer];
    speaker.destroy();
    listener.close();

    const caller = connect({ host: "127.0.0.1", port, allowHalfOpen: true }).on("error", () => undefined);
    caller.write(hello);
    await once(caller, "data");
    const talking = setInterval(() => caller.write("x"), 20);
    await expect.poll(() => relay.count(), { timeout: 5_000 }).toBe(0);
    clearInterval(talking);
    caller.destroy();
  });

  it("a route that is gone, or leads elsewhere, ends what is open on it, and only that", async () => {
    const { relay, port } = await start();
    const [first, second] = [dial(port, "a.example.org"), dial(port, "b.example.org")];
    await Promise.all([once(first, "data"), once(second, "data")]);
    const ended = closeOf(first);
    relay.setRoutes(new Map([routeTo(nodeOf("b.example.org"))]));
    await ended;
    expect(await failure(dial(port, "a.example.org"))).toBe("ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
    // The other one goes on.
    second.setEncoding("utf8").end("x");
    const [digest] = await once(second, "data");
    expect(digest).toContain(createHash("sha256").update("x").digest("hex"));
    second.destroy();
  });

  it("a route that comes is there for the next caller", async () => {
    const { relay, port } = await start();
    relay.setRoutes(new Map());
    expect(await failure(dial(port, "a.example.org"))).toBe("ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
    relay.setRoutes(new Map([routeTo(nodeOf("a.example.org"))]));
    expect((await talk(port, "a.example.org"))[0]).toBe("a.example.org");
  });

  it("who says nothing, or no TLS, is not kept", async () => {
    const { relay, port } = await start({ helloMs: 50 });
    const silent = connect({ host: "127.0.0.1", port });
    await closeOf(silent);
    const plain = connect({ host: "127.0.0.1", port });
    plain.write("GET / HTTP/1.1\r\n\r\n");
    await closeOf(plain);
    await expect.poll(() => relay.count()).toBe(0);
  });

  it("a connection on which nothing moves is ended", async () => {
    const { port } = await start({ idleMs: 100 });
    const socket = dial(port, "a.example.org");
    await once(socket, "data");
    await closeOf(socket);
  });

  it("no more connections than its bounds: in all, and to one name", async () => {
    const { port } = await start({ connectionsPerName: 1 });
    const first = dial(port, "a.example.org");
    await once(first, "data");
    const second = dial(port, "a.example.org");
    await closeOf(second);
    expect((await talk(port, "b.example.org"))[0]).toBe("b.example.org");
    first.destroy();

    const narrow = await start({ connections: 1 });
    const held = dial(narrow.port, "a.example.org");
    await once(held, "data");
    const ended = closeOf(held);
    // The one place is a newcomer's who may want another node.
    expect((await talk(narrow.port, "b.example.org"))[0]).toBe("b.example.org");
    await ended;
  });

  it("where all places are taken, neither one node's callers nor those who say nothing keep another's out", async () => {
    const { relay, port } = await start({ connections: 6 });
    const first = dial(port, "a.example.org");
    await once(first, "data");
    const crowd: TLSSocket[] = [];
    for (let count = 1; count < 6; count++) {
      const socket = dial(port, "a.example.org");
      await once(socket, "data");
      crowd.push(socket);
    }
    expect((await talk(port, "b.example.org"))[0]).toBe("b.example.org");
    expect(first.destroyed).toBe(false);
    for (const socket of crowd) socket.destroy();
    await expect.poll(() => relay.count()).toBe(1);

    const silent = Array.from({ length: 20 }, () => connect({ host: "127.0.0.1", port }).on("error", () => undefined));
    await expect.poll(() => relay.count()).toBe(6);
    expect((await talk(port, "b.example.org"))[0]).toBe("b.example.org");
    expect(relay.count()).toBeLessThanOrEqual(6);
    const answered = once(first, "end");
    first.resume().end();
    await answered;
    for (const socket of [first, ...silent]) socket.destroy();
    await expect.poll(() => relay.count()).toBe(0);
  });

  it("whoever is the most there already, and comes by number, is refused where all places are taken", async () => {
    const { relay } = await start({ connections: 2 });
    const node = createPlainServer((socket) => socket.on("error", () => undefined).pipe(socket));
    const port = await showByNumber(relay, node);
    const open = [0, 1].map(() => connect({ host: "127.0.0.1", port }));
    for (const socket of open) {
      socket.write("x");
      await once(socket, "data");
    }
    await closeOf(connect({ host: "127.0.0.1", port }));
    expect(open.map(({ destroyed, readableEnded }) => destroyed || readableEnded)).toEqual([false, false]);
    for (const socket of open) socket.destroy();
    node.close();
  });

  it("a caller that has said all it had, and whose route goes, leaves no connection to the node", async () => {
    const { relay } = await start();
    const node = createPlainServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => undefined));
    const port = await showByNumber(relay, node);
    const arrived = once(node, "connection");
    const caller = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    caller.on("error", () => undefined).end("all");
    const [socket] = (await arrived) as [Socket];
    socket.resume();
    await once(socket, "end");
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    relay.setRoutes(new Map());
    // Neither end of it would say anything by itself: it writes until it is told that nobody is there.
    const writing = setInterval(() => socket.write("x"), 20);
    await ended;
    clearInterval(writing);
    node.close();
  });

  it("whoever comes to a number is handed on as it speaks, to that number's node alone", async () => {
    const { relay } = await start();
    const node = createPlainServer({ allowHalfOpen: true }, (socket) =>
      socket.on("error", () => undefined).pipe(socket),
    );
    const taken = await showByNumber(relay, node);
    const other = relay.serverOf(30_301).listen(0, "127.0.0.1");
    await once(other, "listening");
    const sent = randomBytes(1 << 20);
    const socket = connect({ host: "127.0.0.1", port: taken, allowHalfOpen: true });
    const pieces: Buffer[] = [];
    socket.on("data", (piece) => pieces.push(piece)).end(sent);
    await once(socket, "end");
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    socket.destroy();
    await closeOf(connect({ host: "127.0.0.1", port: portOf(other) }));
    const open = connect({ host: "127.0.0.1", port: taken });
    open.write("x");
    await once(open, "data");
    const ended = closeOf(open);
    relay.setRoutes(new Map());
    await ended;
    node.close();
  });

  it("a node that is not there ends its caller's connection", async () => {
    const { relay, port } = await start();
    const closed = await startNode("gone.example.org");
    const route = routeTo(closed);
    closed.server.close();
    await once(closed.server, "close");
    relay.setRoutes(new Map([route]));
    const socket = dial(port, "gone.example.org");
    await closeOf(socket);
    await expect.poll(() => relay.count()).toBe(0);
  });
});
