import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { DomainError } from "@portolan/domain";
import type { Logger } from "../log.ts";
import { createGuardedDial, type GuardedDial, type GuardedDialSettings } from "./guarded-dial.ts";
import { createTunnels, type TunnelSettings } from "./tunnels.ts";

export interface ForwardedNetwork {
  name: string;
  /** May carry the operator's credential; it is in no answer and no line of the log. */
  url: string;
  allowPrivate?: boolean;
}

export interface GuardedForwarderSettings {
  networks: readonly ForwardedNetwork[];
  log: Pick<Logger, "warn">;
  /** Loopback unless told; 0 is any free port. */
  host?: string;
  port?: number;
  dial?: Pick<GuardedDialSettings, "resolve" | "connect" | "timeoutMs" | "maxAnswerBytes">;
  /** Absent: `CONNECT` is refused. */
  tunnels?: TunnelSettings;
}

export interface GuardedForwarder {
  /** `http://host:port`; `/${network}` is appended for each network. */
  url: string;
  close(): Promise<void>;
}

const maxRequestBytes = 2_097_152;
const maxCalls = 1_000;

/** What a fork reads. It never writes upstream, and nothing that costs the operator more than a read goes through. */
const readMethod =
  /^(?:eth_(?:get\w+|chainId|blockNumber|gasPrice|maxPriorityFeePerGas|blobBaseFee|feeHistory|call|estimateGas|createAccessList|syncing)|net_version|web3_clientVersion|debug_trace(?:Transaction|Call)|trace_(?:transaction|block))$/;

const isReadOnly = (body: Buffer): boolean => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    return false;
  }
  const calls: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return (
    calls.length > 0 &&
    calls.length <= maxCalls &&
    calls.every((call) => {
      const method = typeof call === "object" && call !== null && "method" in call ? call.method : undefined;
      return typeof method === "string" && readMethod.test(method);
    })
  );
};

const readBody = async (incoming: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > maxRequestBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const refuse = (answer: ServerResponse, status: number, message: string): void => {
  answer
    .writeHead(status, { "content-type": "application/json", connection: status === 413 ? "close" : "keep-alive" })
    .end(JSON.stringify({ error: message }));
};

type Route = { url: string; dial: GuardedDial };

const serve = async (
  routes: ReadonlyMap<string, Route>,
  log: Pick<Logger, "warn">,
  incoming: IncomingMessage,
  answer: ServerResponse,
) => {
  const name = (incoming.url ?? "").slice(1);
  const route = routes.get(name);
  if (route === undefined) return refuse(answer, 404, "no such network");
  if (incoming.method !== "POST") return refuse(answer, 405, "POST only");
  const body = await readBody(incoming);
  if (body === undefined) return refuse(answer, 413, "too large");
  if (!isReadOnly(body)) return refuse(answer, 403, "a fork only reads");
  try {
    // None of the node's own headers go out.
    const headers = { "content-type": "application/json" };
    const {
      status,
      headers: got,
      body: content,
    } = await route.dial.request(route.url, { method: "POST", headers, body });
    answer.writeHead(status, { "content-type": got["content-type"] ?? "application/json" }).end(content);
  } catch (error) {
    const reason = error instanceof DomainError ? `${error.code}: ${error.detail ?? ""}` : "failed";
    log.warn({ network: name, reason }, "a network to fork from did not answer");
    refuse(answer, 502, "the network did not answer");
  }
  return undefined;
};

/**
 * The one way by which nodes reach what a tenant's wish leads to. `POST /<network>` on loopback goes to a network that the
 * operator lists; nobody can name another. `CONNECT host:port` goes to an address of a tenant's, with the plane's permit
 * for it. Both through the same guard. Whoever opens it closes it.
 */
export const createGuardedForwarder = async (settings: GuardedForwarderSettings): Promise<GuardedForwarder> => {
  const { networks, log, host = "127.0.0.1", port = 0 } = settings;
  const routes = new Map<string, Route>();
  for (const { name, url, allowPrivate = false } of networks) {
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name) || routes.has(name))
      throw new Error(`a network's name is wrong or double: ${name}`);
    routes.set(name, { url, dial: createGuardedDial({ ...settings.dial, allowPrivate }) });
  }
  const server = createServer((incoming, answer) => {
    serve(routes, log, incoming, answer).catch(() => answer.destroy());
  });
  server.requestTimeout = 60_000;
  const tunnels = settings.tunnels === undefined ? undefined : createTunnels(settings.tunnels, log);
  if (tunnels !== undefined) server.on("connect", (request, socket, head) => tunnels.open(request, socket, head));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const address = server.address();
  const number = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${number}`,
    close: () =>
      new Promise((resolve) => {
        for (const { dial } of routes.values()) dial.close();
        tunnels?.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
