import { connect, createServer, type Server, type Socket } from "node:net";
import { mostHelloBytes, readGreeting } from "./client-hello.ts";
import { keyOf, keyOfNumber, type Route } from "./routes.ts";

export interface RelayLimits {
  /** Connections at a time, and of them to one name or number. */
  connections: number;
  connectionsPerName: number;
  /** How long a caller may take to say whom it wants, and a node to take the connection. */
  helloMs: number;
  connectMs: number;
  /** A connection on which nothing moves for so long is ended. */
  idleMs: number;
}

export interface Relay {
  /** Takes callers who say by TLS whom they want. */
  server: Server;
  /** One more, whose callers all want the route of this number; it listens when it is told to, as the other does. */
  serverOf(number: number): Server;
  /** Takes the place of all routes; connections whose route is gone, or another, are ended. */
  setRoutes(routes: ReadonlyMap<string, Route>): void;
  /** Connections of callers that are open. */
  count(): number;
  /** Ends at once what is open, and takes no more. */
  close(): Promise<void>;
}

/** TLS alert `unrecognized_name`, fatal (RFC 6066, 3): in the clear, since nothing is agreed on yet. */
const unrecognizedName = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

const isSame = (a: Route | undefined, b: Route): boolean => a?.host === b.host && a.port === b.port;

/** Waits for the name that a caller asks for. Undefined: it said none in time, or something else than TLS. */
const awaitName = (caller: Socket, helloMs: number): Promise<{ serverName: string; bytes: Buffer } | undefined> =>
  new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const settle = (found?: { serverName: string; bytes: Buffer }): void => {
      clearTimeout(timer);
      caller.off("data", take).off("close", end).off("end", end);
      caller.pause();
      resolve(found);
    };
    const end = (): void => settle();
    const take = (piece: Buffer): void => {
      bytes = Buffer.concat([bytes, piece]);
      const greeting = readGreeting(bytes.subarray(0, mostHelloBytes));
      if (greeting.kind === "name") settle({ serverName: greeting.serverName, bytes });
      else if (greeting.kind === "refused") settle();
    };
    const timer = setTimeout(end, helloMs);
    caller.on("data", take).on("close", end).on("end", end);
  });

/** Both ways, each with its own end, until both have ended or one broke. */
const join = (caller: Socket, node: Socket, idleMs: number): void => {
  const end = (): void => {
    caller.destroy();
    node.destroy();
  };
  for (const [from, to] of [
    [caller, node],
    [node, caller],
  ] as const) {
    from.setNoDelay(true);
    // A socket's silence is of both ways: what is written counts too.
    from.setTimeout(idleMs, end);
    // What ended well was handed on, and is still on its way to the other.
    from.on("error", end).on("close", () => (from.readableEnded ? undefined : end()));
    from.pipe(to);
  }
};

/**
 * Takes TCP connections and hands each to the node whose name its TLS greeting asks for, or whose number it came to. Never
 * a part of the TLS: whom a caller trusts and who it is stays between it and the node.
 */
export const createRelay = (limits: RelayLimits, log: (line: string) => void): Relay => {
  let routes: ReadonlyMap<string, Route> = new Map();
  const callers = new Set<Socket>();
  const byKey = new Map<string, Set<{ route: Route; caller: Socket }>>();
  const servers: Server[] = [];

  const refuse = (caller: Socket): void => {
    caller.end(unrecognizedName);
    // Who does not close after that is not waited for.
    caller.setTimeout(1_000, () => caller.destroy());
    caller.resume();
  };

  const reach = (route: Route): Promise<Socket | undefined> =>
    new Promise((resolve) => {
      const node = connect({ host: route.host, port: route.port, allowHalfOpen: true });
      const fail = (): void => {
        node.destroy();
        resolve(undefined);
      };
      node.setTimeout(limits.connectMs, fail);
      node.once("error", fail).once("connect", () => {
        node.off("error", fail).setTimeout(0);
        resolve(node);
      });
    });

  /** `said`: what has come of the caller's bytes already. */
  const handOn = async (caller: Socket, route: Route, said?: Buffer): Promise<void> => {
    const key = keyOf(route);
    const open = byKey.get(key) ?? new Set();
    if (open.size >= limits.connectionsPerName) return void caller.destroy();
    const entry = { route, caller };
    byKey.set(key, open.add(entry));
    caller.once("close", () => {
      open.delete(entry);
      if (open.size === 0 && byKey.get(key) === open) byKey.delete(key);
    });
    const node = await reach(route);
    if (node === undefined || caller.destroyed) {
      node?.destroy();
      caller.destroy();
      return;
    }
    if (said !== undefined) node.write(said);
    join(caller, node, limits.idleMs);
  };

  const serveByName = async (caller: Socket): Promise<void> => {
    const asking = awaitName(caller, limits.helloMs);
    caller.resume();
    const asked = await asking;
    const route = asked && routes.get(asked.serverName);
    if (asked === undefined || caller.destroyed) return void caller.destroy();
    return route === undefined ? refuse(caller) : handOn(caller, route, asked.bytes);
  };

  const serveByNumber = async (caller: Socket, number: number): Promise<void> => {
    const route = routes.get(keyOfNumber(number));
    // There is no word for it that every protocol knows.
    return route === undefined ? void caller.destroy() : handOn(caller, route);
  };

  const serverFor = (serve: (caller: Socket) => Promise<void>): Server => {
    const made = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (caller) => {
      caller.on("error", () => caller.destroy());
      if (callers.size >= limits.connections) return void caller.destroy();
      callers.add(caller);
      caller.once("close", () => callers.delete(caller));
      void serve(caller).catch((error: unknown) => {
        log(`a connection failed: ${error instanceof Error ? error.message : "unknown reason"}`);
        caller.destroy();
      });
    });
    servers.push(made);
    return made;
  };

  return {
    server: serverFor(serveByName),
    serverOf: (number) => serverFor((caller) => serveByNumber(caller, number)),
    setRoutes: (next) => {
      routes = next;
      for (const [key, open] of byKey)
        for (const { route, caller } of open) if (!isSame(next.get(key), route)) caller.destroy();
    },
    count: () => callers.size,
    close: async () => {
      const closed = servers.map((each) => new Promise<void>((resolve) => each.close(() => resolve())));
      for (const caller of callers) caller.destroy();
      await Promise.all(closed);
    },
  };
};
