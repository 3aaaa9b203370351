import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { DomainError } from "@portolan/domain";
import { checkUrl, forbidden, pickAddress, type Resolve, resolveAll, unavailable } from "./guarded-address.ts";

/** Opens a socket to a numeric address. `serverName` is set for TLS and is what the certificate must be for. */
export type Connect = (target: { address: string; port: number; serverName?: string }) => Socket;

export interface GuardedDialSettings {
  resolve?: Resolve;
  connect?: Connect;
  /** Private addresses and inner names too. For networks that the operator names, never for a tenant's. */
  allowPrivate?: boolean;
  /** Of one answer's body; 10 MiB unless told. */
  maxAnswerBytes?: number;
  /** For everything together, redirects included; 30 s unless told. */
  timeoutMs?: number;
}

export interface GuardedRequest {
  method?: "GET" | "POST" | "PUT";
  headers?: { readonly [name: string]: string };
  body?: Uint8Array | string;
  signal?: AbortSignal;
}

export interface GuardedAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

export interface GuardedDial {
  /** Throws `address.forbidden` before a socket is opened, `unavailable` when the other side fails. */
  request(url: string, request?: GuardedRequest): Promise<GuardedAnswer>;
  close(): void;
}

const maxRedirects = 3;
const redirects = new Set([301, 302, 303, 307, 308]);

const connectPinned: Connect = ({ address, port, serverName }) =>
  serverName === undefined
    ? connectTcp({ host: address, port })
    : connectTls({
        host: address,
        port,
        ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
        ALPNProtocols: ["http/1.1"],
      });

type Callback = (error: Error | null, socket?: Socket) => void;

/** Agents whose every new socket is resolved, checked and pinned; a kept socket was checked when it was opened. */
const createAgents = (resolve: Resolve, connect: Connect, allowPrivate: boolean) => {
  const create =
    (isTls: boolean) =>
    (options: { host?: string | null; port?: number | string | null }, callback?: Callback): undefined => {
      const host = String(options.host ?? "").replace(/\.$/, "");
      const port = Number(options.port ?? (isTls ? 443 : 80));
      pickAddress(host, resolve, allowPrivate)
        .then((address) => connect({ address, port, ...(isTls ? { serverName: host } : {}) }))
        .then(
          (socket) => callback?.(null, socket),
          (error: unknown) => callback?.(error instanceof Error ? error : new Error("failed")),
        );
      return undefined;
    };
  const settings = { keepAlive: true, maxSockets: 32, maxFreeSockets: 8, timeout: 60_000 };
  const plain = new Agent(settings);
  const tls = new HttpsAgent({ ...settings, maxCachedSessions: 0 });
  Object.assign(plain, { createConnection: create(false) });
  Object.assign(tls, { createConnection: create(true) });
  return { plain, tls };
};

const collect = (answer: IncomingMessage, maxBytes: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    answer.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else {
        answer.destroy();
        reject(unavailable("answer too large"));
      }
    });
    answer.on("error", reject);
    answer.on("end", () => resolve(Buffer.concat(chunks)));
  });

const withoutCredentials = (headers: GuardedRequest["headers"]): { [name: string]: string } =>
  Object.fromEntries(
    Object.entries(headers ?? {}).filter(([name]) => !/^(?:authorization|cookie|proxy-|x-)/i.test(name)),
  );

/** The next request after a redirect, or a refusal. The target goes through the same checks as the first address. */
const follow = (from: URL, status: number, location: string, request: GuardedRequest, allowPrivate: boolean) => {
  if (!URL.canParse(location, from.href)) throw forbidden("redirect");
  const url = checkUrl(new URL(location, from).href, allowPrivate);
  // The operator vouched for one network, not for wherever that network points.
  if (allowPrivate && url.origin !== from.origin) throw forbidden("redirect to another origin");
  if (from.protocol === "https:" && url.protocol === "http:") throw forbidden("redirect to plain http");
  const headers = url.origin === from.origin ? (request.headers ?? {}) : withoutCredentials(request.headers);
  const { signal } = request;
  const isKept = status === 307 || status === 308 || request.method === undefined || request.method === "GET";
  const next: GuardedRequest = isKept
    ? { ...request, headers }
    : { method: "GET", headers, ...(signal ? { signal } : {}) };
  return { url, next };
};

/**
 * Requests to any address that a tenant can name. The URL's form is checked, the name is resolved once for each
 * connection, every address it has must be public, and the socket goes to that very address, so that a second answer
 * of the DNS changes nothing. At most three redirects, each checked the same way; bodies and time are bounded.
 */
export const createGuardedDial = (settings: GuardedDialSettings = {}): GuardedDial => {
  const { resolve = resolveAll, connect = connectPinned, allowPrivate = false } = settings;
  const { maxAnswerBytes = 10_485_760, timeoutMs = 30_000 } = settings;
  const agents = createAgents(resolve, connect, allowPrivate);

  const exchange = (url: URL, { method = "GET", headers = {}, body }: GuardedRequest, signal: AbortSignal) =>
    new Promise<GuardedAnswer>((done, reject) => {
      const isTls = url.protocol === "https:";
      const options = {
        method,
        signal,
        headers: {
          ...headers,
          "accept-encoding": "identity",
          ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
        },
      };
      const onAnswer = (answer: IncomingMessage) => {
        collect(answer, maxAnswerBytes).then(
          (collected) => done({ status: answer.statusCode ?? 0, headers: answer.headers, body: collected }),
          reject,
        );
      };
      const call = isTls
        ? httpsRequest(url, { ...options, agent: agents.tls }, onAnswer)
        : httpRequest(url, { ...options, agent: agents.plain }, onAnswer);
      call.on("error", reject);
      call.end(body);
    });

  const run = async (text: string, first: GuardedRequest): Promise<GuardedAnswer> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = first.signal ? AbortSignal.any([first.signal, timeout]) : timeout;
    let [url, request] = [checkUrl(text, allowPrivate), first];
    for (let count = 0; ; count += 1) {
      const answer = await exchange(url, request, signal);
      const { location } = answer.headers;
      if (!redirects.has(answer.status) || location === undefined) return answer;
      if (count === maxRedirects) throw unavailable("too many redirects");
      const followed = follow(url, answer.status, location, request, allowPrivate);
      [url, request] = [followed.url, followed.next];
    }
  };

  return {
    request: async (text, request = {}) => {
      try {
        return await run(text, request);
      } catch (error) {
        if (error instanceof DomainError) throw error;
        throw unavailable(error instanceof Error && "code" in error ? String(error.code) : "failed");
      }
    },
    close: () => {
      agents.plain.destroy();
      agents.tls.destroy();
    },
  };
};
