import { createServer } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestCluster } from "@portolan/testing";

interface Kubeconfig {
  clusters: { cluster: { server: string; "certificate-authority-data"?: string } }[];
  users: { user: { "client-certificate-data"?: string; "client-key-data"?: string } }[];
}

export interface CountingProxy {
  url: string;
  /** Requests since the last call of it: `PATCH services` → how many. */
  take(): Map<string, number>;
  /** As the cluster's administrator, not counted. */
  call(method: string, path: string, body?: object, contentType?: string): Promise<{ status: number; text: string }>;
  close(): Promise<void>;
}

const decode = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64");

/** `PATCH services`, `WATCH pods`: the verb and the kind, without whose. */
const toKind = (method: string, url: string): string => {
  const { pathname, searchParams } = new URL(url, "http://proxy");
  const parts = pathname.split("/").filter((part) => part !== "");
  const rest = parts.slice(parts[0] === "api" ? 2 : 3);
  const kind = rest[0] === "namespaces" && rest.length > 2 ? rest[2] : rest[0];
  const isNamed = rest[0] === "namespaces" ? rest.length === 2 || rest.length > 3 : rest.length > 1;
  const verb = searchParams.has("watch") ? "WATCH" : method === "GET" && !isNamed ? "LIST" : method;
  return `${verb} ${kind ?? pathname}`;
};

/** Stands between a worker and the API server and counts. Plain HTTP on loopback; it has the administrator's credential. */
export const openCountingProxy = async (cluster: TestCluster): Promise<CountingProxy> => {
  const config = JSON.parse(cluster.kubeconfig) as Kubeconfig;
  const { server: target = "", "certificate-authority-data": ca } = config.clusters[0]?.cluster ?? {};
  const { "client-certificate-data": cert, "client-key-data": key } = config.users[0]?.user ?? {};
  const upstream = new URL(target);
  const agent = new Agent({ keepAlive: true, ca: decode(ca), cert: decode(cert), key: decode(key) });
  const to = { agent, host: upstream.hostname, port: upstream.port };
  let counts = new Map<string, number>();

  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url = "/" } = incoming;
    const what = toKind(method, url);
    counts.set(what, (counts.get(what) ?? 0) + 1);
    const onward = request(
      { ...to, method, path: url, headers: { ...incoming.headers, host: upstream.host } },
      (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        // A watch that has nothing to say yet is open all the same.
        outgoing.flushHeaders();
        response.pipe(outgoing);
        response.once("error", () => outgoing.destroy());
      },
    );
    onward.once("error", () => outgoing.destroy());
    outgoing.once("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const call: CountingProxy["call"] = (method, path, body, contentType = "application/json") =>
    new Promise((resolve, reject) => {
      const sent = request({ ...to, method, path, headers: { "content-type": contentType } }, (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.once("error", reject);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString("utf8") }),
        );
      });
      sent.once("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => {
      const taken = counts;
      counts = new Map();
      return taken;
    },
    call,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      agent.destroy();
    },
  };
};
