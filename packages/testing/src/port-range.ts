import { createServer, type Server } from "node:net";

/** Both ends inclusive. */
export interface TestPortRange {
  first: number;
  last: number;
}

/** Below the ports that the system gives to outgoing connections, and beside those that a plane takes by itself. */
const lowest = 10_000;
const highest = 19_999;
const size = 200;
const count = (highest - lowest + 1) / size;

/** Kept for as long as this process lives: whoever listens on a range's first port has the range. */
const guards: Server[] = [];

const listen = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(server.unref()));
  });

/**
 * 199 ports that no other test process on this machine is given while this one lives, whatever runs at the same time:
 * other files, other runs. That a port is free of strangers is for its taker to see.
 */
export async function claimPortRange(): Promise<TestPortRange> {
  for (let step = 0; step < count; step++) {
    const guarded = lowest + ((process.pid + step) % count) * size;
    const guard = await listen(guarded);
    if (guard === undefined) continue;
    guards.push(guard);
    return { first: guarded + 1, last: guarded + size - 1 };
  }
  throw new Error(`all ${count} ranges of ports between ${lowest} and ${highest} are taken`);
}
