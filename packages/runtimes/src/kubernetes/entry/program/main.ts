import type { Server } from "node:net";
import { createRelay, type RelayLimits } from "./relay.ts";
import { createRouteFiles } from "./routes.ts";

/** The one argument, as JSON. */
interface Wish {
  port: number;
  /** Numbers that are nodes' own; absent: none. */
  ports?: { first: number; count: number };
  /** Where the kubelet lays the routes. */
  routes: string;
  limits: RelayLimits;
  /** How long it goes on after it was told to end: until nobody sends new callers here any more. */
  drainMs: number;
}

const lookEveryMs = 500;

const log = (line: string): void => {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), line })}\n`);
};

const wish = JSON.parse(process.argv[2] ?? "") as Wish;
const relay = createRelay(wish.limits, log);
const files = createRouteFiles(wish.routes, log);
const look = (): void => {
  const routes = files.changed();
  if (routes === undefined) return;
  relay.setRoutes(routes);
  log(`${routes.size} routes`);
};

look();
setInterval(look, lookEveryMs);
const listen = (server: Server, port: number): void => {
  server.on("error", (error) => {
    log(`it can't listen: ${error.message}`);
    process.exit(1);
  });
  server.listen(port);
};
const { first, count } = wish.ports ?? { first: 0, count: 0 };
for (let number = first; number < first + count; number++) listen(relay.serverOf(number), number);
relay.server.once("listening", () => log(`listens on ${wish.port}${count === 0 ? "" : ` and ${count} from ${first}`}`));
listen(relay.server, wish.port);
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => setTimeout(() => void relay.close().then(() => process.exit(0)), wish.drainMs));
