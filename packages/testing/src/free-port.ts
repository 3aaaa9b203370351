import { createServer } from "node:net";
import { claimPortRange, type TestPortRange } from "./port-range.ts";

let range: Promise<TestPortRange> | undefined;
let next = 0;

/**
 * A loopback port that nobody listens on at this moment, that no other test is given, and that no outgoing connection
 * gets in the meantime: one that is asked of the system and given back may be anybody's a moment later.
 */
export async function freePort(): Promise<number> {
  range ??= claimPortRange();
  const { first, last } = await range;
  const size = last - first + 1;
  for (let tries = 0; tries < size; tries++) {
    const port = first + (next++ % size);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free between ${first} and ${last}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
