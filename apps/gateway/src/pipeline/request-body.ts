import type { IncomingMessage } from "node:http";

/** A refused body up to this size is read and dropped, so that its connection stays. */
const drainedBytes = 64 * 1024;

/** Collects a body up to a bound and hands it on whole, as latin1 text of its bytes; `null`: it is longer. */
export const collectBody = (req: IncomingMessage, maxBytes: number, done: (body: string | null) => void): void => {
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let sizeBytes = 0;
  let isOver = false;
  req.on("data", (chunk: Buffer) => {
    if (isOver) return;
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) {
      isOver = true;
      done(null);
    } else if (first === undefined) first = chunk;
    else if (chunks === undefined) chunks = [first, chunk];
    else chunks.push(chunk);
  });
  req.on("end", () => {
    if (!isOver) done((chunks === undefined ? first : Buffer.concat(chunks))?.toString("latin1") ?? "");
  });
};

/** Whether what is left of a refused body is so little that it is read, instead of ending the connection. */
export const isWorthReading = ({ headers }: IncomingMessage): boolean =>
  Number(headers["content-length"] ?? Infinity) <= drainedBytes;
