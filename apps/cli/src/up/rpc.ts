import { setTimeout as sleep } from "node:timers/promises";
import { CliFailure } from "../failure.ts";

/** The node, or the gateway for it, answered with an error. */
export class RpcError extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.name = "RpcError";
    this.status = status;
    this.code = code;
  }
}

export interface Rpc {
  /** One JSON-RPC call. @throws RpcError, or fetch's own error without an answer. */
  call(method: string, params?: readonly unknown[]): Promise<unknown>;
  /** The same, asked again while the chain is not to be reached yet; for reads only. */
  callWhenUp(method: string, params: readonly unknown[], timeoutMs: number, signal?: AbortSignal): Promise<unknown>;
}

const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

/** Speaks JSON-RPC to one chain through the gateway; the key goes in a header. */
export const createRpc = (url: string, key: string): Rpc => {
  let id = 0;
  const call = async (method: string, params: readonly unknown[] = []): Promise<unknown> => {
    id += 1;
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": key },
      body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
      signal: AbortSignal.timeout(30_000),
    });
    const body: unknown = await response.json().catch(() => undefined);
    const error = member(body, "error");
    if (error === undefined && response.ok) return member(body, "result");
    const message = member(error, "message");
    throw new RpcError(
      response.status,
      Number(member(error, "code") ?? 0),
      `${method}: ${typeof message === "string" ? message : `the gateway answered ${response.status}`}`,
    );
  };
  /** What passes by itself: no listener yet, a route not yet known, a node that still starts. */
  const isPassing = (error: unknown): boolean =>
    !(error instanceof RpcError) || [401, 404, 502, 503, 504].includes(error.status);
  const callWhenUp: Rpc["callWhenUp"] = async (method, params, timeoutMs, signal) => {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        return await call(method, params);
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (performance.now() > deadline) {
          throw new CliFailure(`The chain did not answer within ${timeoutMs / 1000} s.`, { cause: error });
        }
      }
      await sleep(50, undefined, signal === undefined ? {} : { signal });
    }
  };
  return { call, callWhenUp };
};
