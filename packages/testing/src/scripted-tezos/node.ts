import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TezosBlock } from "./block.ts";
import type { TezosChain } from "./chain.ts";
import { type NodeError, Refused } from "./refusal.ts";
import { answer, type CallScene } from "./routes.ts";

/** What becomes of the next calls that it is for. */
export interface TezosFault {
  method?: "GET" | "POST";
  path: RegExp;
  /** How many of them; once without it. */
  times?: number;
  /**
   * `lost`: it is done, and the answer never comes; `cut`: it is not done, and the connection breaks; errors as a node
   * answers them; `held`: it is answered when the promise is fulfilled.
   */
  does: "lost" | "cut" | { status: number; errors: readonly NodeError[] } | { held: Promise<void> };
}

export interface TezosNodeOptions {
  /** How many nodes it says that it is connected with. */
  peers?: number;
  sync?: CallScene["sync"];
  program?: CallScene["program"];
}

/** Where it listens, by default at any port of loopback, and to whom. */
export interface TezosListening {
  host?: string;
  port?: number;
  /** Whether its access list has the call; by default it has all. */
  allows?(method: string, path: string): boolean;
  /** Answers calls that are the test's own; undefined: it is none of them. */
  answers?(method: string, path: string, body: unknown): unknown;
}

export interface TezosNode {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Every call so far, e.g. `GET /version`, without its query. */
  readonly calls: readonly string[];
  /** How many streams are open. */
  readonly streams: number;
  fault(fault: TezosFault): void;
  /** What it says of itself from now on. */
  say(options: TezosNodeOptions): void;
  /** It sees no further blocks, until it is thawed. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString("utf8");
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused([{ kind: "permanent", id: "rpc.cannot_parse" }], 400);
  }
};

const send = (response: ServerResponse, status: number, value: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(value)}\n`);
};

/** As `/monitor/heads/main` writes a block, one line each. */
const toHeadLine = ({ hash, shell }: TezosBlock): string =>
  `${JSON.stringify({ hash, ...shell, protocol_data: "" })}\n`;

/**
 * Plays one Tezos node's HTTP interface over a chain that is played too (`createTezosChain`), as far as Portolan and
 * Taquito ask: no Octez runs here, so that it is accepted says that our words are well formed, and no more.
 */
export const openTezosNode = async (
  chain: TezosChain,
  options: TezosNodeOptions = {},
  listening: TezosListening = {},
): Promise<TezosNode> => {
  const { host = "127.0.0.1", allows, answers } = listening;
  const said = {
    peers: 1,
    sync: { bootstrapped: true, sync_state: "synced" as const },
    program: { major: 25, minor: 1 },
    ...options,
  };
  const calls: string[] = [];
  const faults: TezosFault[] = [];
  const streams = new Set<ServerResponse>();
  let frozen: TezosBlock | null = null;

  const takeFault = (method: string, path: string): TezosFault["does"] | undefined => {
    const at = faults.findIndex((fault) => (fault.method ?? method) === method && fault.path.test(path));
    const fault = faults[at];
    if (fault === undefined) return undefined;
    const left = (fault.times ?? 1) - 1;
    faults.splice(at, 1, ...(left > 0 ? [{ ...fault, times: left }] : []));
    return fault.does;
  };

  const stream = (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write(toHeadLine(frozen ?? chain.head()));
    const stop = chain.onBlock((block) => {
      if (frozen === null) response.write(toHeadLine(block));
    });
    streams.add(response);
    response.on("close", () => {
      stop();
      streams.delete(response);
    });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname: path, searchParams: query } = new URL(request.url ?? "/", "http://node");
    const method = request.method ?? "GET";
    calls.push(`${method} ${path}`);
    try {
      const body = await readJson(request);
      const own = answers?.(method, path, body);
      if (own !== undefined) return send(response, 200, own);
      if (allows?.(method, path) === false) throw new Refused([{ kind: "permanent", id: "rpc.forbidden" }], 403);
      const fault = takeFault(method, path);
      if (fault === "cut") return void request.socket.destroy();
      if (typeof fault === "object" && "errors" in fault) return send(response, fault.status, fault.errors);
      if (typeof fault === "object") await fault.held;
      if (method === "GET" && path === "/monitor/heads/main") return stream(response);
      const value = answer({ chain, head: frozen ?? chain.head(), ...said, query, body }, method, path);
      if (fault === "lost") return void request.socket.destroy();
      send(response, 200, value);
    } catch (error) {
      if (error instanceof Refused) return send(response, error.status, error.errors);
      send(response, 500, [{ kind: "permanent", id: "failure", msg: error instanceof Error ? error.message : "" }]);
    }
  };

  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listening.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    host,
    port,
    calls,
    get streams() {
      return streams.size;
    },
    fault: (fault) => faults.push(fault),
    say: (next) => Object.assign(said, next),
    freeze: () => {
      frozen = chain.head();
    },
    thaw: () => {
      frozen = null;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
