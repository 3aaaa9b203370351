import { isIP } from "node:net";
import type { RouteTarget } from "@portolan/contract";

/** Where a node's HTTP port is, and what is said there. */
export interface NodeAddress {
  host: string;
  port: number;
  isTls: boolean;
  /** Of a TLS host that is no address. */
  servername: string | undefined;
  /** Of the Host header. */
  authority: string;
  /** Before the paths of the node's own; without a slash at its end. */
  basePath: string;
  /** Everything of a POST to the node's one path, up to the number in Content-Length. */
  head: string;
}

const headOf = (path: string, host: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\ncontent-length: `;

/** Everything of a request for JSON up to the number in Content-Length. `target` is trusted to hold no line end. */
export const requestHead = ({ authority, basePath }: NodeAddress, verb: "GET" | "POST", target: string): string => {
  const type = verb === "POST" ? "content-type: application/json\r\n" : "";
  return `${verb} ${basePath}${target} HTTP/1.1\r\nhost: ${authority}\r\nconnection: keep-alive\r\naccept: application/json\r\n${type}content-length: `;
};

export const toNodeAddress = ({ via }: RouteTarget): NodeAddress => {
  if (via.kind === "address") {
    const { host, port } = via;
    const shown = new URL(`http://${host.includes(":") ? `[${host}]` : host}:${port}`).host;
    const head = headOf("/", shown);
    return { host, port, isTls: false, servername: undefined, authority: shown, basePath: "", head };
  }
  const url = new URL(via.url);
  const isTls = url.protocol === "https:";
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
  return {
    host,
    port: Number(url.port || (isTls ? 443 : 80)),
    isTls,
    servername: isTls && isIP(host) === 0 ? host : undefined,
    authority: url.host,
    basePath: url.pathname.replace(/\/+$/, ""),
    head: headOf(`${url.pathname}${url.search}`, url.host),
  };
};
