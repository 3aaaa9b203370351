import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { ClusterFacts } from "./contract.ts";

export interface ProxiedCall {
  method: string;
  path: string;
  /** What came before it of the same method and path. */
  count: number;
}

/**
 * What becomes of a request: sent on, answered here, sent on and then answered otherwise, or never answered. `passThen`
 * comes after the API server has answered: `cut` is an answer that is lost.
 */
export type Verdict =
  | "pass"
  | "silence"
  | "cut"
  | { status: number; headers?: { [name: string]: string }; body?: object }
  | { passThen: number | "cut"; heard?: () => void }
  | { rewrite: (body: string) => string };

/** What decides; a promise holds the request back as long. */
export type Script = (call: ProxiedCall) => Verdict | Promise<Verdict>;

interface Kubeconfig {
  clusters: { cluster: { server: string; "certificate-authority-data"?: string } }[];
  users: { user: { "client-certificate-data"?: string; "client-key-data"?: string } }[];
}

const decode = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64");

const toStatus = (code: number): object => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  message: "scripted",
});

const readAll = async (incoming: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
};

export type ApiProxy = Awaited<ReturnType<typeof openApiProxy>>;

/**
 * Stands before the API server and lets each request fare as the script says. Plain HTTP, on loopback, with the
 * administrator's credential; several may write their kubeconfigs into one directory.
 */
export const openApiProxy = async (cluster: Pick<ClusterFacts, "kubeconfig">, directory: string) => {
  const config = JSON.parse(cluster.kubeconfig) as Kubeconfig;
  const { server: target = "", "certificate-authority-data": ca } = config.clusters[0]?.cluster ?? { server: "" };
  const { "client-certificate-data": cert, "client-key-data": key } = config.users[0]?.user ?? {};
  const url = new URL(target);
  const agent = new Agent({ keepAlive: true, ca: decode(ca), cert: decode(cert), key: decode(key) });
  let script: Script = () => "pass";
  const counts = new Map<string, number>();
  const calls: ProxiedCall[] = [];

  const forward = (incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse, verdict: Verdict): void => {
    const upstream = request(
      {
        agent,
        host: url.hostname,
        port: url.port,
        method: incoming.method,
        path: incoming.url,
        headers: { ...incoming.headers, host: url.host },
      },
      (response) => {
        if (typeof verdict === "object" && "passThen" in verdict) {
          response.resume().once("end", () => {
            verdict.heard?.();
            if (verdict.passThen === "cut") return void outgoing.destroy();
            outgoing.writeHead(verdict.passThen, { "content-type": "application/json" });
            outgoing.end(JSON.stringify(toStatus(verdict.passThen)));
          });
          return;
        }
        if (typeof verdict === "object" && "rewrite" in verdict) {
          const pieces: Buffer[] = [];
          response.on("data", (piece: Buffer) => pieces.push(piece));
          response.once("end", () => {
            outgoing.writeHead(response.statusCode ?? 500, { "content-type": "application/json" });
            outgoing.end(verdict.rewrite(Buffer.concat(pieces).toString("utf8")));
          });
          return;
        }
        outgoing.writeHead(response.statusCode ?? 500, response.headers);
        // A watch that has nothing to say yet is open all the same.
        outgoing.flushHeaders();
        response.once("error", () => outgoing.destroy());
        response.pipe(outgoing);
      },
    );
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    upstream.end(body);
  };

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const path = incoming.url ?? "";
    const name = `${incoming.method} ${path.split("?")[0]}`;
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const call = { method: incoming.method ?? "", path, count };
    calls.push(call);
    // Whole before it is judged: one that is held back arrives, however late, also where nobody waits for it any more.
    const body = await readAll(incoming);
    const verdict = await script(call);
    if (verdict === "silence") return;
    if (verdict === "cut") return void outgoing.destroy();
    if (typeof verdict === "object" && "status" in verdict) {
      outgoing.writeHead(verdict.status, { "content-type": "application/json", ...verdict.headers });
      outgoing.end(JSON.stringify(verdict.body ?? toStatus(verdict.status)));
      return;
    }
    forward(incoming, body, outgoing, verdict);
  };
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(directory, `proxy-${port}.kubeconfig`);
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "proxy",
      clusters: [{ name: "proxy", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "proxy", user: {} }],
      contexts: [{ name: "proxy", context: { cluster: "proxy", user: "proxy" } }],
    }),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    kubeconfig,
    calls,
    /** From now on. */
    play: (next: Script): void => {
      counts.clear();
      calls.length = 0;
      script = next;
    },
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
};
