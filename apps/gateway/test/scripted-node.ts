import { createServer, type Server, type Socket } from "node:net";
import type { CallFailure, NodeRequest } from "../src/pipeline/node-connection.ts";

export interface SeenRequest {
  head: string;
  /** latin1 text of the bytes. */
  body: string;
  /** Which connection it came on, from 0. */
  connection: number;
  socket: Socket;
}

/** A TCP server that reads requests as they are written, and does with each what the test says. */
export const startScriptedNode = async (onRequest: (seen: SeenRequest, index: number) => void) => {
  const requests: SeenRequest[] = [];
  const sockets: Socket[] = [];
  /** What came, as it came. */
  const pieces: string[] = [];
  const server: Server = createServer({ noDelay: true }, (socket) => {
    const connection = sockets.push(socket) - 1;
    let text = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      pieces.push(chunk.toString("latin1"));
      text += chunk.toString("latin1");
      for (;;) {
        const headEnd = text.indexOf("\r\n\r\n");
        const length = Number(/content-length: (\d+)/.exec(text.slice(0, headEnd))?.[1]);
        if (headEnd === -1 || text.length < headEnd + 4 + length) return;
        const seen = { head: text.slice(0, headEnd), body: text.slice(headEnd + 4, headEnd + 4 + length) };
        text = text.slice(headEnd + 4 + length);
        const request = { ...seen, connection, socket };
        onRequest(request, requests.push(request) - 1);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    requests,
    sockets,
    pieces,
    close: (): Promise<void> =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
};

export const ok = (text: string, headers = ""): string =>
  `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${text.length}\r\n\r\n${text}`;

export type Outcome = { status: number; text: string } | { lost: CallFailure } | "expired";

/** A call whose end can be awaited; a second end fails the test. */
export const createCall = (deadlineMs = Infinity): { call: NodeRequest; outcome: Promise<Outcome> } => {
  let settle: (outcome: Outcome) => void = () => undefined;
  let isOver = false;
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const end = (found: Outcome): void => {
    if (isOver) throw new Error("a call ended twice");
    isOver = true;
    settle(found);
  };
  const call: NodeRequest = {
    deadlineMs,
    arrived: (status, text) => end({ status, text }),
    lost: (failure) => end({ lost: failure }),
    expired: () => end("expired"),
  };
  return { call, outcome };
};
