import type { EdgePort, RequestLogEntry } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { Grant } from "../edge/entries.ts";

export interface RequestLog {
  add(grant: Grant, method: string, status: RequestLogEntry["status"], code: number, startedMs: number): void;
  /** Sends what is there. Never throws: the log is no billing, and may lose entries. */
  ship(): Promise<void>;
}

const shownMethod = /^[A-Za-z0-9_./]{1,80}$/;

/** Keeps the last `size` calls since the last shipping; the oldest are dropped. */
export const createRequestLog = (deps: {
  port: Pick<EdgePort, "shipRequests">;
  log: Pick<Logger, "warn">;
  size?: number;
}): RequestLog => {
  const { port, log, size = 2_000 } = deps;
  const grants: (Grant | undefined)[] = new Array<Grant | undefined>(size).fill(undefined);
  const methods: string[] = new Array<string>(size).fill("");
  const statuses: RequestLogEntry["status"][] = new Array<RequestLogEntry["status"]>(size).fill("ok");
  const codes = new Int32Array(size);
  const starts = new Float64Array(size);
  const ends = new Float64Array(size);
  let next = 0;
  let count = 0;
  let isShipping = false;

  const take = (): RequestLogEntry[] => {
    const entries: RequestLogEntry[] = [];
    const offsetMs = Date.now() - performance.now();
    for (let step = count; step > 0; step--) {
      const index = (next - step + size * 2) % size;
      const grant = grants[index];
      if (grant === undefined) continue;
      const { key, route } = grant;
      const method = methods[index] ?? "";
      const code = codes[index] ?? 0;
      entries.push({
        at: new Date(offsetMs + (ends[index] ?? 0)).toISOString(),
        tenantId: key.key.tenantId,
        appId: key.key.appId,
        chainId: route.route.chainId,
        keyId: key.key.id,
        method: shownMethod.test(method) ? method : "",
        status: statuses[index] ?? "ok",
        ...(code === 0 ? {} : { code }),
        durationMs: Math.max(0, Math.round((ends[index] ?? 0) - (starts[index] ?? 0))),
      });
    }
    count = 0;
    grants.fill(undefined);
    return entries;
  };
  return {
    add: (grant, method, status, code, startedMs) => {
      grants[next] = grant;
      methods[next] = method;
      statuses[next] = status;
      codes[next] = code;
      starts[next] = startedMs;
      ends[next] = performance.now();
      next = next + 1 === size ? 0 : next + 1;
      if (count < size) count += 1;
    },
    ship: async () => {
      if (isShipping || count === 0) return;
      isShipping = true;
      try {
        await port.shipRequests(take());
      } catch (err) {
        log.warn({ err }, "a part of the request log was lost");
      } finally {
        isShipping = false;
      }
    },
  };
};
