import { Agent, request } from "node:https";

/** The cluster's API with its administrator's rights, as the parts of the test cluster use it. */
export interface ClusterApi {
  /** Parsed JSON of a 2xx; `ApiRefusal` otherwise. */
  call<T = unknown>(method: string, path: string, body?: unknown, type?: string): Promise<T>;
  /** Creates or changes by server-side apply. */
  apply(path: string, object: unknown): Promise<void>;
  /** Calls `onEvent` for every event until the stream ends or `signal` fires. */
  watch(path: string, signal: AbortSignal, onEvent: (event: WatchEvent) => void): Promise<void>;
  close(): void;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: { readonly metadata?: { readonly resourceVersion?: string }; readonly code?: number };
}

export class ApiRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ApiAccess {
  readonly server: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const timeoutMs = 10_000;

export const createClusterApi = (access: ApiAccess): ClusterApi => {
  const agent = new Agent({ keepAlive: true, ca: access.authority, cert: access.certificate, key: access.key });
  const call = <T>(method: string, path: string, body?: unknown, type = "application/json"): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const headers = body === undefined ? {} : { "content-type": type };
      const sent = request(new URL(path, access.server), { method, agent, headers, timeout: timeoutMs }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const status = response.statusCode ?? 0;
          if (status < 200 || status > 299) reject(new ApiRefusal(status, `${method} ${path}: ${status} ${text}`));
          else resolve((text.startsWith("{") ? JSON.parse(text) : text) as T);
        });
      });
      sent.once("timeout", () => sent.destroy(new Error(`${method} ${path}: no answer`)));
      sent.once("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return {
    call,
    async apply(path, object) {
      await call("PATCH", `${path}?fieldManager=test-cluster&force=true`, object, "application/apply-patch+yaml");
    },
    watch: (path, signal, onEvent) =>
      new Promise((resolve, reject) => {
        const sent = request(new URL(path, access.server), { agent, signal }, (response) => {
          let rest = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            const lines = (rest + chunk).split("\n");
            rest = lines.pop() ?? "";
            for (const line of lines) onEvent(JSON.parse(line) as WatchEvent);
          });
          response.once("error", reject);
          response.once("close", resolve);
        });
        sent.once("error", reject);
        sent.end();
      }),
    close: () => agent.destroy(),
  };
};
