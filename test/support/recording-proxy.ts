import { Agent, createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface RpcItem {
  method: string;
  params: unknown;
}

export interface RecordingProxy {
  port: number;
  /** Every item that the node has answered, in order. */
  readonly answered: readonly RpcItem[];
  stop(): Promise<void>;
}

interface Request {
  id?: unknown;
  method?: unknown;
  params?: unknown;
}

const listOf = (text: string): Request[] => {
  const value: unknown = JSON.parse(text);
  return (Array.isArray(value) ? value : [value]) as Request[];
};

/** Those of a request's items to which the node's answer holds an answer: matched by id, the way a client does. */
const answeredItems = (requestText: string, answerText: string): RpcItem[] => {
  const ids = new Set(listOf(answerText).map(({ id }) => JSON.stringify(id)));
  return listOf(requestText)
    .filter(({ id }) => ids.has(JSON.stringify(id)))
    .map(({ method, params }) => ({ method: String(method), params: params ?? [] }));
};

/**
 * Stands between the gateway and a node, and writes down what the node answers: a count that shares no code with the
 * meter. What the node answers is counted even when nobody is there any more to hear it.
 */
export const startRecordingProxy = async (target: { host: string; port: number }): Promise<RecordingProxy> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answered: RpcItem[] = [];

  const forward = (body: Buffer, response: ServerResponse): void => {
    const upstream = request({
      ...target,
      agent,
      method: "POST",
      headers: { "content-type": "application/json", "content-length": body.length },
    });
    upstream.on("response", (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const whole = Buffer.concat(chunks);
        answered.push(...answeredItems(body.toString(), whole.toString()));
        response.writeHead(answer.statusCode ?? 502, { "content-type": "application/json" }).end(whole);
      });
    });
    upstream.on("error", () => response.destroy());
    upstream.end(body);
  };
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    response.on("error", () => undefined);
    incoming.on("error", () => undefined);
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => forward(Buffer.concat(chunks), response));
  });
  // The gateway keeps an idle connection to see the node's end by; a node closes none, so neither does this.
  Object.assign(server, { headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    answered,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
};
