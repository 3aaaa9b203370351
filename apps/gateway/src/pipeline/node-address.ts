import { isIP } from "node:net";
import type { RouteTarget } from "@portolan/contract";

/** Where a node's HTTP port is, and what is said there. */
export interface NodeAddress {
  host: string;
  port: number;
  isTls: boolean;
  /** Of a TLS host that is no address. */
  servername: string | undefined;
  /** Everything of a request up to the number in Content-Length. */
  head: string;
}

const headOf = (path: string, host: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\ncontent-length: `;

export const toNodeAddress = ({ via }: RouteTarget): NodeAddress => {
  if (via.kind === "address") {
    const { host, port } = via;
    const shown = new URL(`http://${host.includes(":") ? `[${host}]` : host}:${port}`).host;
    return { host, port, isTls: false, servername: undefined, head: headOf("/", shown) };
  }
  const url = new URL(via.url);
  const isTls = url.protocol === "https:";
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
  return {
    host,
    port: Number(url.port || (isTls ? 443 : 80)),
    isTls,
    servername: isTls && isIP(host) === 0 ? host : undefined,
    head: headOf(`${url.pathname}${url.search}`, url.host),
  };
};
