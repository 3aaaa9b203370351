import { request } from "node:http";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Probe } from "@portolan/domain";

const probeTcp = (host: string, port: number, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });

const probeTls = (host: string, port: number, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    // It is asked whether the program serves, not who it is: no name and no authority is known here. HTTP/2 is offered
    // because gRPC servers refuse clients that don't.
    const socket = connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.once("secureConnect", () => {
      resolve(true);
      // Not destroyed: what ends the handshake on the server's side may still have to be written.
      socket.end();
    });
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(false);
    });
    // What a server says first (HTTP/2 settings) is not of interest, but unread it would keep the socket open.
    socket.resume();
  });

const probeHttp = (host: string, port: number, probe: Probe): Promise<boolean> =>
  new Promise((resolve) => {
    const body = probe.kind === "rpc" ? (probe.body ?? "") : undefined;
    const outgoing = request({
      host,
      port,
      path: probe.path ?? "/",
      method: body === undefined ? "GET" : "POST",
      agent: false,
      headers:
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    });
    // A whole answer in time, not only its first byte: a program that trickles is not well.
    const timer = setTimeout(() => outgoing.destroy(new Error("timeout")), probe.timeoutMs);
    const end = (isWell: boolean): void => {
      clearTimeout(timer);
      outgoing.destroy();
      resolve(isWell);
    };
    outgoing.once("response", ({ statusCode = 0 }) => end(statusCode >= 200 && statusCode < 300));
    outgoing.on("error", () => end(false));
    outgoing.end(body);
  });

/** One question to a program. Resolves within the probe's timeout, never rejects. */
export const ask = (probe: Probe, host: string, port: number): Promise<boolean> => {
  if (probe.kind === "tcp") return probeTcp(host, port, probe.timeoutMs);
  return probe.kind === "tls" ? probeTls(host, port, probe.timeoutMs) : probeHttp(host, port, probe);
};
