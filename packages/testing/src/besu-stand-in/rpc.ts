import { Agent, request } from "node:http";

export interface RpcError {
  code: number;
  message: string;
  data?: unknown;
}

export type RpcOutcome = { result: unknown } | { error: RpcError };

/** Calls to the node behind; `batch` answers in the order of its calls. */
export interface NodeRpc {
  call(method: string, params?: unknown): Promise<RpcOutcome>;
  batch(calls: readonly { method: string; params?: unknown }[]): Promise<RpcOutcome[]>;
}

const post = (agent: Agent, port: number, body: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const outgoing = request({ host: "127.0.0.1", port, method: "POST", agent, headers, timeout: 30_000 }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.once("error", reject);
      answer.once("end", () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")));
        } catch (error) {
          reject(error instanceof Error ? error : new Error("the node's answer is no JSON"));
        }
      });
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("the node does not answer")));
    outgoing.once("error", reject);
    outgoing.end(body);
  });

const toOutcome = (answer: unknown): RpcOutcome => {
  if (typeof answer !== "object" || answer === null) throw new Error("the node's answer is none");
  return "error" in answer
    ? { error: answer.error as RpcError }
    : { result: "result" in answer ? answer.result : null };
};

export const createNodeRpc = (port: number): NodeRpc => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const envelope = (method: string, params: unknown, id: number) => ({
    jsonrpc: "2.0",
    id,
    method,
    params: params ?? [],
  });
  return {
    call: async (method, params) => toOutcome(await post(agent, port, JSON.stringify(envelope(method, params, 1)))),
    batch: async (calls) => {
      if (calls.length === 0) return [];
      const body = JSON.stringify(calls.map(({ method, params }, index) => envelope(method, params, index)));
      const answers = (await post(agent, port, body)) as { id: number }[];
      return [...answers].sort((a, b) => a.id - b.id).map(toOutcome);
    },
  };
};
