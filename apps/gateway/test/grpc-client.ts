import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { toFrame } from "../src/protocols/grpc-frames.ts";

export interface GrpcAnswer {
  status: string;
  code: string | undefined;
  message: string;
  messages: Buffer[];
  headers: { readonly [name: string]: unknown };
  trailers: { readonly [name: string]: unknown };
}

/** Reads whole messages out of what has come so far. */
const takeMessages = (bytes: Buffer): { messages: Buffer[]; rest: Buffer } => {
  const messages: Buffer[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return { messages, rest: bytes.subarray(at) };
};

/** A caller of the gateway's TLS listener. */
export const connectGrpc = (port: number, serverName: string, ca: string): ClientHttp2Session => {
  const session = connect(`https://127.0.0.1:${port}`, { ca, servername: serverName });
  session.on("error", () => undefined);
  return session;
};

export const openCall = (
  session: ClientHttp2Session,
  method: string,
  headers: { readonly [name: string]: string } = {},
): { stream: ClientHttp2Stream; answer: Promise<GrpcAnswer>; messages: Buffer[] } => {
  const stream = session.request({
    ":method": "POST",
    ":path": `/test.Fake/${method}`,
    "content-type": "application/grpc+proto",
    te: "trailers",
    ...headers,
  });
  const messages: Buffer[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let head: { [name: string]: unknown } = {};
  let trailers: { [name: string]: unknown } = {};
  stream.on("response", (found) => {
    head = { ...found };
  });
  stream.on("trailers", (found) => {
    trailers = { ...found };
  });
  stream.on("data", (chunk: Buffer) => {
    const found = takeMessages(Buffer.concat([rest, chunk]));
    messages.push(...found.messages);
    rest = found.rest;
  });
  stream.on("error", () => undefined);
  const answer = new Promise<GrpcAnswer>((resolve) => {
    stream.once("close", () => {
      const all = { ...head, ...trailers };
      resolve({
        status: String(all["grpc-status"] ?? `reset ${stream.rstCode}`),
        code: all["portolan-code"] as string | undefined,
        message: decodeURIComponent(String(all["grpc-message"] ?? "")),
        messages,
        headers: head,
        trailers,
      });
    });
  });
  return { stream, answer, messages };
};

export const callUnary = (
  session: ClientHttp2Session,
  method: string,
  message: Uint8Array,
  headers: { readonly [name: string]: string } = {},
): Promise<GrpcAnswer> => {
  const { stream, answer } = openCall(session, method, headers);
  stream.end(toFrame(message));
  return answer;
};
