import type { FastifyReply } from "fastify";
import type { StreamEvent } from "./handler.ts";

const heartbeatMs = 15_000;

/**
 * Writes events as they come (WHATWG HTML §9.2) and ends with the last one. The first is awaited before anything is
 * sent, so that a refusal is still an ordinary problem document. `serialize` gives the data its contract's form.
 */
export const sendEvents = async <Data>(
  reply: FastifyReply,
  events: AsyncIterable<StreamEvent<Data>>,
  serialize: (data: Data) => string,
): Promise<FastifyReply> => {
  const iterator = events[Symbol.asyncIterator]();
  let next = await iterator.next();
  const headers = reply.getHeaders();
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...(headers as { [name: string]: string }),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    // The end of the stream is the end of the connection: a stopping server waits for no idle one.
    connection: "close",
  });
  const heartbeat = setInterval(() => raw.write(": still here\n\n"), heartbeatMs).unref();
  try {
    while (next.done !== true && !raw.destroyed) {
      const { id, event, data } = next.value;
      raw.write(`id: ${id}\nevent: ${event}\ndata: ${serialize(data)}\n\n`);
      next = await iterator.next();
    }
  } catch {
    // The stream is under way: a broken connection is what tells the client to come back.
    raw.destroy();
  } finally {
    clearInterval(heartbeat);
    await iterator.return?.();
    raw.end();
  }
  return reply;
};
