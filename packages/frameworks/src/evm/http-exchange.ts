import { Agent, request } from "node:http";

/** Idle sockets are unreferenced by the agent, so they keep no process alive. */
const agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 });
const maxAnswerBytes = 1_048_576;

export interface Exchange {
  host: string;
  port: number;
  path: string;
  /** A POST with this JSON; without it a GET. */
  body?: unknown;
  timeoutMs: number;
  signal: AbortSignal;
}

/** One JSON answer of a node's own port over a kept connection. Throws when there is none, or it is no 200. */
export const exchangeJson = (exchange: Exchange): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const body = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
    const call = request(
      {
        agent,
        host: exchange.host,
        port: exchange.port,
        path: exchange.path,
        method: body === undefined ? "GET" : "POST",
        signal: AbortSignal.any([exchange.signal, AbortSignal.timeout(exchange.timeoutMs)]),
        ...(body === undefined
          ? {}
          : { headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } }),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxAnswerBytes) call.destroy(new Error("the answer is too large"));
          else chunks.push(chunk);
        });
        answer.on("error", reject);
        answer.on("end", () => {
          try {
            if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
            resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")));
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    call.on("error", reject);
    call.end(body);
  });
