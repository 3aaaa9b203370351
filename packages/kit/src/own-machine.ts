import type { IncomingMessage } from "node:http";

const isLoopback = (address: string | undefined): boolean =>
  address === "::1" || /^(::ffff:)?127\./.test(address ?? "");

/**
 * Whether a request comes from a program of this machine itself. What came through a proxy comes from loopback too, so
 * a forwarded request does not.
 */
export const isFromOwnMachine = ({ headers, socket }: Pick<IncomingMessage, "headers" | "socket">): boolean =>
  isLoopback(socket.remoteAddress) &&
  !Object.keys(headers).some((name) => name === "forwarded" || name.startsWith("x-forw"));
