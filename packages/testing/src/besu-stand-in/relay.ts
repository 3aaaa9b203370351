import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { BesuFlags } from "./flags.ts";
import { besuMethods } from "./methods.ts";
import type { NodeRpc, RpcOutcome } from "./rpc.ts";

interface Rules {
  /** Namespaces, lower case. */
  namespaces: ReadonlySet<string>;
  /** Names of hosts; `*`: any. */
  hosts: readonly string[];
}

const listOf = (text: string): string[] => text.split(",").map((word) => word.trim().toLowerCase());

const toRules = (flags: BesuFlags): Rules => ({
  namespaces: new Set(listOf(flags.get("rpc-http-api") ?? flags.get("rpc-http-apis") ?? "ETH,NET,WEB3")),
  hosts: listOf(flags.get("host-allowlist") ?? "localhost,127.0.0.1"),
});

const maxBodyBytes = 5 << 20;

const readBody = async (incoming: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new Error("Request too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const perform = async (rpc: NodeRpc, { namespaces }: Rules, method: unknown, params: unknown): Promise<RpcOutcome> => {
  if (typeof method !== "string") return { error: { code: -32_600, message: "Invalid Request" } };
  const namespace = method.slice(0, method.indexOf("_")).toLowerCase();
  // The other node's own names are not to be had through Besu's door.
  if (namespace === "istanbul") return { error: { code: -32_601, message: "Method not found" } };
  if (!namespaces.has(namespace)) return { error: { code: -32_604, message: "Method not enabled" } };
  const own = Object.hasOwn(besuMethods, method) ? besuMethods[method] : undefined;
  if (own !== undefined) return own(rpc, Array.isArray(params) ? params : []);
  return rpc.call(method, params);
};

const answerOne = async (rpc: NodeRpc, rules: Rules, call: unknown): Promise<object> => {
  const {
    id = null,
    method,
    params,
  } = (typeof call === "object" && call !== null ? call : {}) as {
    [member: string]: unknown;
  };
  const outcome = await perform(rpc, rules, method, params).catch((error: unknown) => ({
    error: { code: -32_603, message: error instanceof Error ? error.message : "Internal error" },
  }));
  return { jsonrpc: "2.0", id, ...outcome };
};

/** Besu's own rule: enough neighbours, and not too far behind the best block that it knows of. */
const isReady = async (rpc: NodeRpc, query: URLSearchParams): Promise<boolean> => {
  const [peers, syncing] = await rpc.batch([{ method: "net_peerCount" }, { method: "eth_syncing" }]);
  if (peers === undefined || syncing === undefined || "error" in peers || "error" in syncing) return false;
  if (Number(peers.result) < Number(query.get("minPeers") ?? 1)) return false;
  const behind = syncing.result as { currentBlock: string; highestBlock: string } | false;
  const most = Number(query.get("maxBlocksBehind") ?? 2);
  return behind === false || Number(behind.highestBlock) - Number(behind.currentBlock) <= most;
};

const send = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};

const handle = async (
  rpc: NodeRpc,
  rules: Rules,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const host = (incoming.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  if (!rules.hosts.includes("*") && !rules.hosts.includes(host))
    return send(response, 403, { message: "Host not authorized." });
  const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://node");
  if (pathname === "/liveness") return send(response, 200, { status: "UP" });
  if (pathname === "/readiness") {
    const isUp = await isReady(rpc, searchParams);
    return send(response, isUp ? 200 : 503, { status: isUp ? "UP" : "DOWN" });
  }
  if (incoming.method !== "POST") return send(response, 200, { status: "UP" });
  const body: unknown = JSON.parse(await readBody(incoming));
  const answer = Array.isArray(body)
    ? await Promise.all(body.map((call) => answerOne(rpc, rules, call)))
    : await answerOne(rpc, rules, body);
  send(response, 200, answer);
};

/** Listens where Besu would, with Besu's namespaces, host list and health paths, and asks the node behind. */
export const startRelay = (flags: BesuFlags, rpc: NodeRpc): Promise<Server> => {
  const rules = toRules(flags);
  const server = createServer((incoming, response) => {
    handle(rpc, rules, incoming, response).catch(() => {
      if (!response.headersSent)
        send(response, 400, { jsonrpc: "2.0", id: null, error: { code: -32_700, message: "Parse error" } });
      else response.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(flags.get("rpc-http-port") ?? 8_545), flags.get("rpc-http-host") ?? "127.0.0.1", () =>
      resolve(server),
    );
  });
};
