import { connect, createServer, type Server, type Socket } from "node:net";
import { mostHelloBytes, readGreeting } from "./client-hello.ts";
import { keyOf, keyOfNumber, type Route } from "./routes.ts";

export interface RelayLimits {
  /**
   * Connections at a time, and of them to one name or number. Where all are taken, a newcomer gets the place of one of
   * those who have the most: the callers of one node, or those who have not yet said whom they want, starve no other's.
   */
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
    from.on("error", end).on("close", () => (from.readableEnded && from.writableFinished ? undefined : end()));
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
  /** Those of whom it is not known whom they want. */
  const unnamed = new Set<Socket>();
  const byKey = new Map<string, Map<Socket, Route>>();
  const servers: Server[] = [];

  const forget = (caller: Socket, key?: string): void => {
    callers.delete(caller);
    unnamed.delete(caller);
    const open = key === undefined ? undefined : byKey.get(key);
    open?.delete(caller);
    if (key !== undefined && open?.size === 0) byKey.delete(key);
  };

  /** Ends a connection of those who have the most of them; false: the newcomer is one of these itself. */
  const makeRoom = (own: string | undefined): boolean => {
    let most: { key?: string; open: Iterable<Socket>; size: number } = { open: unnamed, size: unnamed.size };
    for (const [key, open] of byKey) if (open.size > most.size) most = { key, open: open.keys(), size: open.size };
    if (own !== undefined && byKey.get(own)?.size === most.size) return false;
    // Of a node's callers those stay who were there first; of the others those are likely to say something who came last.
    const all = [...most.open];
    const doomed = most.key === undefined ? all[0] : all.at(-1);
    if (doomed === undefined) return false;
    forget(doomed, most.key);
    doomed.destroy();
    return true;
  };

  const refuse = (caller: Socket): void => {
    caller.end(unrecognizedName);
    // Who does not close after that is not waited for, whatever it goes on to say.
    const timer = setTimeout(() => caller.destroy(), 1_000);
    caller.once("close", () => clearTimeout(timer)).resume();
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
    const open = byKey.get(key) ?? new Map<Socket, Route>();
    if (open.size >= limits.connectionsPerName) return void caller.destroy();
    unnamed.delete(caller);
    byKey.set(key, open.set(caller, route));
    caller.once("close", () => forget(caller, key));
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

  /** `number`: absent, callers say by TLS whom they want. */
  const serverFor = (number?: number): Server => {
    const key = number === undefined ? undefined : keyOfNumber(number);
    const made = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (caller) => {
      caller.on("error", () => caller.destroy());
      if (callers.size >= limits.connections && !makeRoom(key)) return void caller.destroy();
      callers.add(caller);
      unnamed.add(caller);
      caller.once("close", () => forget(caller));
      void (number === undefined ? serveByName(caller) : serveByNumber(caller, number)).catch((error: unknown) => {
        log(`a connection failed: ${error instanceof Error ? error.message : "unknown reason"}`);
        caller.destroy();
      });
    });
    servers.push(made);
    return made;
  };

  return {
    server: serverFor(),
    serverOf: (number) => serverFor(number),
    setRoutes: (next) => {
      routes = next;
      for (const [key, open] of byKey)
        for (const [caller, route] of open) if (!isSame(next.get(key), route)) caller.destroy();
    },
    count: () => callers.size,
    close: async () => {
      const closed = servers.map((each) => new Promise<void>((resolve) => each.close(() => resolve())));
      for (const caller of callers) caller.destroy();
      await Promise.all(closed);
    },
  };
};
