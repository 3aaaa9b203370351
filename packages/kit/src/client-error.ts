import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** Why a connection's request never became one that a handler sees. */
export interface ConnectionRefusal {
  status: 400 | 408 | 413 | 417 | 431;
  detail: string;
}

export interface RenderedRefusal {
  headers: { readonly [name: string]: string };
  body: string;
}

export const refusedExpectation: ConnectionRefusal = {
  status: 417,
  detail: "What the request expects is not offered.",
};

const unreadable: ConnectionRefusal = { status: 400, detail: "The request is not valid HTTP." };

/** By the code of the error that Node's parser or its time-outs give. */
const refusals: { readonly [code: string]: ConnectionRefusal } = {
  HPE_HEADER_OVERFLOW: { status: 431, detail: "The headers are too large." },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: "The chunk extensions are too large." },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: "The request did not arrive in time." },
};

/** How long a client may take to read the answer, and to stop sending, before its connection is destroyed. */
const lingerMs = 1_000;

/** Whether an answer is on its way already: then another one would be read as a part of it. */
const hasBegunAnswer = (socket: Duplex): boolean => {
  // Node keeps the answer in work here, and its own default handler looks at the same place.
  const message: unknown = Reflect.get(socket, "_httpMessage");
  return typeof message === "object" && message !== null && Reflect.get(message, "headersSent") === true;
};

/** For a server's `clientError`: answers what the parser refused with a body, and closes the connection. */
export const createClientErrorHandler =
  (render: (refusal: ConnectionRefusal) => RenderedRefusal) =>
  (error: Error, socket: Duplex): void => {
    const code: unknown = Reflect.get(error, "code");
    if (code === "ECONNRESET" || hasBegunAnswer(socket)) {
      socket.destroy();
      return;
    }
    // Answered already; what still comes is dropped until it ends or lingers too long.
    if (!socket.writable) return;
    const refusal = refusals[String(code)] ?? unreadable;
    const { headers, body } = render(refusal);
    const head = {
      ...headers,
      "Content-Length": String(Buffer.byteLength(body)),
      "Cache-Control": "no-store",
      Connection: "close",
    };
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join("")}\r\n${body}`);
    const destroy = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.once("close", () => clearTimeout(destroy));
  };
