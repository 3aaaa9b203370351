import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestCluster } from "@portolan/testing";

export interface ProxiedCall {
  method: string;
  path: string;
  /** What came before it of the same method and path. */
  count: number;
}

/** What becomes of a request: sent on, answered here, sent on and then answered otherwise, or never answered. */
export type Verdict =
  | "pass"
  | "silence"
  | "cut"
  | { status: number; headers?: { [name: string]: string }; body?: object }
  | { passThen: number }
  | { rewrite: (body: string) => string };

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

/** Stands before the API server and lets each request fare as the script says. Plain HTTP, on loopback. */
export const openApiProxy = async (cluster: TestCluster, directory: string) => {
  const config = JSON.parse(cluster.kubeconfig) as Kubeconfig;
  const { server: target = "", "certificate-authority-data": ca } = config.clusters[0]?.cluster ?? { server: "" };
  const { "client-certificate-data": cert, "client-key-data": key } = config.users[0]?.user ?? {};
  const url = new URL(target);
  let script: (call: ProxiedCall) => Verdict = () => "pass";
  const counts = new Map<string, number>();
  const calls: ProxiedCall[] = [];

  const forward = (incoming: IncomingMessage, outgoing: ServerResponse, verdict: Verdict): void => {
    const upstream = request(
      {
        host: url.hostname,
        port: url.port,
        method: incoming.method,
        path: incoming.url,
        headers: { ...incoming.headers, host: url.host },
        ca: decode(ca),
        cert: decode(cert),
        key: decode(key),
      },
      (response) => {
        if (typeof verdict === "object" && "passThen" in verdict) {
          response.resume().once("end", () => {
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
        response.pipe(outgoing);
      },
    );
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    incoming.pipe(upstream);
  };

  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? "";
    const name = `${incoming.method} ${path.split("?")[0]}`;
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const call = { method: incoming.method ?? "", path, count };
    calls.push(call);
    const verdict = script(call);
    if (verdict === "silence") return;
    if (verdict === "cut") return void outgoing.destroy();
    if (typeof verdict === "object" && "status" in verdict) {
      incoming.resume();
      outgoing.writeHead(verdict.status, { "content-type": "application/json", ...verdict.headers });
      outgoing.end(JSON.stringify(verdict.body ?? toStatus(verdict.status)));
      return;
    }
    forward(incoming, outgoing, verdict);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(directory, "proxy.kubeconfig");
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
    kubeconfig,
    calls,
    /** From now on. */
    play: (next: (call: ProxiedCall) => Verdict): void => {
      counts.clear();
      calls.length = 0;
      script = next;
    },
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
