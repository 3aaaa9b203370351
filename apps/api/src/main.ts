import { createLogger, createShutdown } from "@portolan/kit";
import { loadConfig } from "./config.ts";
import { assembleApi } from "./deps.ts";

const run = async (): Promise<void> => {
  const config = loadConfig();
  const log = createLogger({ name: "api", level: config.PORTOLAN_LOG_LEVEL });
  const shutdown = createShutdown({ log, exitWhenParentDies: process.send !== undefined });
  const app = await assembleApi(config, log, shutdown);
  await app.listen({ host: config.PORTOLAN_API_HOST, port: config.PORTOLAN_API_PORT });
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : config.PORTOLAN_API_PORT;
  log.info({ host: config.PORTOLAN_API_HOST, port }, "listening");
  process.send?.({ ready: true, port });
};

run().catch((error: unknown) => {
  process.stderr.write(`api: ${error instanceof Error ? error.message : "failed to start"}\n`);
  process.exit(1);
});
