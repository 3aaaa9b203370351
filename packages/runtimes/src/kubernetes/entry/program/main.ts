import { createRelay, type RelayLimits } from "./relay.ts";
import { createRouteFiles } from "./routes.ts";

/** The one argument, as JSON. */
interface Wish {
  port: number;
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
relay.server.on("error", (error) => {
  log(`it can't listen: ${error.message}`);
  process.exit(1);
});
relay.server.listen(wish.port, () => log(`listens on ${wish.port}`));
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => setTimeout(() => void relay.close().then(() => process.exit(0)), wish.drainMs));
