import { Agent, request as openPlain, type RequestOptions } from "node:http";
import { request as openTls, type RequestOptions as TlsOptions } from "node:https";

/** Idle sockets are unreferenced by the agent, so they keep no process alive. */
const agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 });

export interface Exchange {
  host: string;
  port: number;
  path: string;
  /** A POST with this; without it a GET. */
  body?: { bytes: Uint8Array; type: string };
  /** TLS, over a connection of its own; without it plain HTTP over one that is kept. */
  tls?: Pick<TlsOptions, "ca" | "cert" | "key" | "servername" | "minVersion">;
  /** A longer answer is an error. */
  maxBytes: number;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  body: Buffer;
}

const toOptions = ({ host, port, path, body, tls, timeoutMs, signal }: Exchange): RequestOptions & TlsOptions => ({
  host,
  port,
  path,
  method: body === undefined ? "GET" : "POST",
  signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  ...(body === undefined ? {} : { headers: { "content-type": body.type, "content-length": body.bytes.length } }),
  ...(tls === undefined ? { agent } : { ...tls, agent: false }),
});

/** One answer of a node's own port, whatever its status. Throws when there is none, or not all of it, in time. */
export const exchange = (input: Exchange): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const open = input.tls === undefined ? openPlain : openTls;
    const call = open(toOptions(input), (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > input.maxBytes) call.destroy(new Error("the answer is too large"));
        else chunks.push(chunk);
      });
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
    });
    call.on("error", reject);
    call.end(input.body?.bytes);
  });

/** As `exchange`; throws for any status but 200. */
export const exchangeText = async (input: Exchange): Promise<string> => {
  const { status, body } = await exchange(input);
  if (status !== 200) throw new Error(`status ${status}`);
  return body.toString("utf8");
};

const maxJsonBytes = 1_048_576;

/** Sends JSON, or nothing, and reads JSON. Throws for any status but 200. */
export const exchangeJson = async ({
  body,
  ...rest
}: Omit<Exchange, "body" | "tls" | "maxBytes"> & { body?: unknown }): Promise<unknown> => {
  const sent =
    body === undefined ? {} : { body: { bytes: Buffer.from(JSON.stringify(body)), type: "application/json" } };
  return JSON.parse(await exchangeText({ ...rest, ...sent, maxBytes: maxJsonBytes }));
};
