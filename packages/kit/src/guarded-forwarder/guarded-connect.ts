import { connect as connectTcp, type Socket } from "node:net";
import { DomainError } from "@portolan/domain";
import { checkEndpoint, pickAddress, type Resolve, resolveAll, unavailable } from "./guarded-address.ts";

export interface GuardedConnectSettings {
  resolve?: Resolve;
  connect?: (target: { address: string; port: number }) => Socket;
  /** Private addresses and inner names too: only where the operator says so, never at a tenant's wish. */
  allowPrivate?: boolean;
  /** Until the connection is open, the name's look-up included; 10 s unless told. */
  timeoutMs?: number;
}

const opened = (socket: Socket, signal: AbortSignal): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      reject(unavailable(error instanceof Error && "code" in error ? String(error.code) : "failed"));
    };
    const onAbort = (): void => fail(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" }));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("error", fail);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", fail);
      resolve(socket);
    });
  });

/** Not all look-ups can be given up, but nobody has to wait for them. */
const inTime = <Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> =>
  new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(unavailable("ETIMEDOUT")), { once: true });
    work.then(resolve, (error: unknown) =>
      reject(
        error instanceof DomainError
          ? error
          : unavailable(error instanceof Error && "code" in error ? String(error.code) : "failed"),
      ),
    );
  });

/**
 * Opens connections to `host:port` that a tenant names, by the rules of `createGuardedDial`: the form is checked, the name
 * is resolved for this connection, every address that it has must be public, and the socket goes to that very address.
 * The bytes are the caller's business. Throws `address.forbidden` before a socket is opened, else `unavailable`.
 */
export const createGuardedConnect = (
  settings: GuardedConnectSettings = {},
): ((endpoint: string) => Promise<Socket>) => {
  const { resolve = resolveAll, allowPrivate = false, timeoutMs = 10_000 } = settings;
  const { connect = ({ address, port }) => connectTcp({ host: address, port }) } = settings;
  return async (endpoint) => {
    const { host, port } = checkEndpoint(endpoint, allowPrivate);
    const signal = AbortSignal.timeout(timeoutMs);
    const address = await inTime(pickAddress(host, resolve, allowPrivate), signal);
    return opened(connect({ address, port }), signal);
  };
};
