import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createHttpRpcPolicy, type HttpProtocol } from "@portolan/frameworks";
import type { FrameworkTable } from "../src/index.ts";

const any = { kind: "text" as const, pattern: /^\w{1,20}$/ };

/** A protocol of a node that never was: what it lets through, and what it costs. */
export const testHttp: HttpProtocol = {
  routes: [
    { name: "thing", verb: "GET", path: "/places/{place}/{thing}", weight: 10, query: { part: { value: any } } },
    { name: "thing_root", verb: "GET", path: "/version", weight: 10 },
    { name: "thing_dear", verb: "GET", path: "/dear", weight: 20, query: { all: { value: any } }, surcharge },
    { name: "thing_short", verb: "GET", path: "/short/{thing}", weight: 10, maxAnswerBytes: 100 },
    { name: "put", verb: "POST", path: "/put/{thing}", weight: 100, isWrite: true, maxBodyBytes: 1_000, check },
    { name: "ask", verb: "POST", path: "/ask/{thing}", weight: 50, maxBodyBytes: 200_000, isRepeatable: true },
    {
      ...{ name: "watch_things", verb: "GET", path: "/watch/{thing}", weight: 10 },
      stream: { messageWeight: 2, messageBytes: 1_000, minuteWeight: 30 },
    },
  ],
  values: { place: { kind: "alias", names: ["here"], fact: "placeName", canonical: "here" }, thing: any },
  refused: [{ path: /^\/admin(?:\/|$)/, reason: "node administration" }],
  maxAnswerBytes: 100_000,
  faultStatuses: [403, 502, 503],
  maxStreams: { perKey: 2, perChain: 3 },
};

function surcharge({ all = [] }: { readonly [name: string]: readonly string[] }): number {
  return all.length * 500;
}

function check(body: unknown) {
  return body === "bad" ? { message: "It is bad.", hint: "Make it good." } : null;
}

export const httpFrameworks = (http: HttpProtocol = testHttp, timeoutMs = 10_000): FrameworkTable => ({
  protocols: (slug) =>
    slug === "test"
      ? [{ name: "http", role: "node", port: "rpc", policy: createHttpRpcPolicy(http, { timeoutMs }), http }]
      : [],
});

export interface SeenHttp {
  verb: string;
  target: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A node that does what the test says, and remembers what it was asked. Streams stay open until the test ends them. */
export const startHttpNode = async (
  answer: (seen: SeenHttp, res: ServerResponse, req: IncomingMessage) => void = (_seen, res) => res.end('{"ok":true}'),
) => {
  const seen: SeenHttp[] = [];
  const open = new Set<ServerResponse>();
  let cut = 0;
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const one = { verb: req.method ?? "", target: req.url ?? "", headers: req.headers };
      const whole = { ...one, body: Buffer.concat(chunks).toString("utf8") };
      seen.push(whole);
      open.add(res);
      res.on("close", () => {
        open.delete(res);
        if (!res.writableFinished) cut += 1;
      });
      answer(whole, res, req);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    seen,
    /** Answers that have not ended. */
    open,
    sockets,
    /** Answers that the gateway gave up. */
    cut: () => cut,
    close: (): Promise<void> =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
};

export type HttpTestNode = Awaited<ReturnType<typeof startHttpNode>>;

export const httpTarget = (port: number, node = "rpc-0") => ({
  ...{ region: "local", node, port: "rpc" },
  via: { kind: "address" as const, host: "127.0.0.1", port },
});
