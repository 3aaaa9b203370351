import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeAccess } from "./kube-access.ts";
import { isUncertain, KubeError, KubeSilence } from "./kube-error.ts";
import { createSlots } from "./slots.ts";

export interface KubeCall {
  method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  path: string;
  query?: { readonly [name: string]: string | number | boolean | undefined };
  body?: unknown;
  contentType?: string;
  accept?: string;
  timeoutMs?: number;
  /** Whether repeating it after an unknown outcome leads to the same; reads always may be. */
  isRepeatable?: boolean;
  signal?: AbortSignal;
}

export interface KubeClientSettings {
  access: KubeAccess;
  /** How long one request may take. */
  timeoutMs?: number;
  /** Requests at a time; watches and logs are not counted. */
  maxConcurrency?: number;
  /** How long a call may go on trying. */
  patienceMs?: number;
  /** Called with each request that is sent. */
  onRequest?: (call: Pick<KubeCall, "method" | "path">) => void;
}

const maxBodyBytes = 64 << 20;
const firstPauseMs = 100;
const longestPauseMs = 5_000;

const readAll = async (response: IncomingMessage): Promise<string> => {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > maxBodyBytes) throw new KubeSilence("the answer is larger than can be held");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
};

const toRefusal = (response: IncomingMessage, text: string): KubeError => {
  const status = response.statusCode ?? 0;
  const header = Number(response.headers["retry-after"]);
  const retryAfterMs = Number.isFinite(header) && header >= 0 ? header * 1000 : undefined;
  try {
    const parsed = JSON.parse(text) as { reason?: string; message?: string };
    return new KubeError(status, parsed.reason ?? "", parsed.message ?? text.slice(0, 500), retryAfterMs);
  } catch {
    return new KubeError(status, "", text.slice(0, 500), retryAfterMs);
  }
};

const toUrl = (server: URL, call: KubeCall): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(name, `${value}`);
  const text = query.toString();
  return `${server.pathname.replace(/\/$/, "")}${call.path}${text === "" ? "" : `?${text}`}`;
};

export type KubeClient = ReturnType<typeof createKubeClient>;

/**
 * Requests to one API server: each with a timeout, few at a time. 429 is waited for as the server asks (it did
 * nothing); silence and 5xx are repeated only where that is safe. Throws `KubeError` or `KubeSilence`.
 */
export const createKubeClient = (settings: KubeClientSettings) => {
  const { access, timeoutMs = 15_000, maxConcurrency = 24, patienceMs = 30_000 } = settings;
  const slots = createSlots(maxConcurrency);

  /** Sends it and resolves with the head of the answer. `headMs` bounds the wait for it; 0 for none. */
  const open = async (call: KubeCall, headMs: number, isRenewed = false): Promise<IncomingMessage> => {
    let options: Awaited<ReturnType<KubeAccess["options"]>>;
    try {
      options = await access.options(isRenewed);
    } catch (error) {
      throw new KubeSilence("the credential for the cluster could not be had", error);
    }
    settings.onRequest?.(call);
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const send = access.server.protocol === "http:" ? requestPlain : requestTls;
    return new Promise((resolve, reject) => {
      const outgoing = send({
        ...options,
        host: access.server.hostname.replace(/^\[|\]$/g, ""),
        port: access.server.port === "" ? (access.server.protocol === "http:" ? 80 : 443) : Number(access.server.port),
        method: call.method,
        path: toUrl(access.server, call),
        headers: {
          ...options.headers,
          accept: call.accept ?? "application/json",
          ...(body === undefined
            ? {}
            : { "content-type": call.contentType ?? "application/json", "content-length": Buffer.byteLength(body) }),
        },
        ...(call.signal ? { signal: call.signal } : {}),
      });
      const timer =
        headMs === 0 ? undefined : setTimeout(() => outgoing.destroy(new Error("no answer in time")), headMs);
      outgoing.once("response", (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      outgoing.once("error", (error) => {
        clearTimeout(timer);
        reject(new KubeSilence(`${call.method} ${call.path}: ${error.message}`, error));
      });
      outgoing.end(body);
    });
  };

  const once = async (call: KubeCall, isRenewed: boolean): Promise<unknown> => {
    const budgetMs = call.timeoutMs ?? timeoutMs;
    const startedAt = performance.now();
    const response = await open(call, budgetMs, isRenewed);
    const leftMs = Math.max(1, budgetMs - (performance.now() - startedAt));
    const timer = setTimeout(() => response.destroy(new Error("the answer did not end in time")), leftMs);
    let text: string;
    try {
      text = await readAll(response);
    } catch (error) {
      if (error instanceof KubeSilence) throw error;
      throw new KubeSilence(`${call.method} ${call.path}: ${String(error)}`, error);
    } finally {
      clearTimeout(timer);
    }
    if ((response.statusCode ?? 0) >= 300) throw toRefusal(response, text);
    try {
      return text === "" ? undefined : JSON.parse(text);
    } catch (error) {
      throw new KubeSilence(`${call.method} ${call.path}: the answer is not JSON`, error);
    }
  };

  /** How long to wait before it is tried again; `undefined`: not. */
  const pauseBefore = (call: KubeCall, error: unknown, attempt: number): number | undefined => {
    const backOffMs = Math.min(firstPauseMs * 2 ** attempt, longestPauseMs) * (0.75 + Math.random() / 2);
    if (error instanceof KubeError && error.status === 429) return error.retryAfterMs ?? backOffMs;
    if (error instanceof KubeError && error.status === 401 && attempt === 0) return 0;
    const isSafe = call.method === "GET" || call.isRepeatable === true;
    if (!isSafe || !isUncertain(error)) return undefined;
    // A webhook that is down is no trouble of the moment, and nothing was written.
    if (error instanceof KubeError && /failed calling webhook/.test(error.message)) return undefined;
    return error instanceof KubeError ? (error.retryAfterMs ?? backOffMs) : backOffMs;
  };

  /** One call and its answer, as JSON. */
  const request = async <T>(call: KubeCall): Promise<T> => {
    const endsAt = performance.now() + patienceMs;
    for (let attempt = 0, isRenewed = false; ; attempt++) {
      const release = await slots.take();
      try {
        return (await once(call, isRenewed)) as T;
      } catch (error) {
        release();
        const pauseMs = pauseBefore(call, error, attempt);
        if (pauseMs === undefined || performance.now() + pauseMs > endsAt || call.signal?.aborted) throw error;
        isRenewed = error instanceof KubeError && error.status === 401;
        await sleep(pauseMs);
      } finally {
        release();
      }
    }
  };

  /** An answer without an end: a watch, a log. The caller reads it and destroys it. */
  const stream = async (call: KubeCall): Promise<IncomingMessage> => {
    const response = await open(call, call.timeoutMs ?? timeoutMs);
    if ((response.statusCode ?? 0) < 300) return response;
    throw toRefusal(response, await readAll(response));
  };

  return { request, stream, access, close: () => access.close() };
};
