import { createLogger, createShutdown } from "@portolan/kit";
import { loadConfig } from "./config.ts";
import { assembleGateway } from "./deps.ts";

/** Drain (10 s), shipping (3 s) and closing. */
const shutdownMs = 16_000;

const run = async (): Promise<void> => {
  const config = loadConfig();
  const log = createLogger({ name: "gateway", level: config.logLevel });
  const shutdown = createShutdown({ log, timeoutMs: shutdownMs, exitWhenParentDies: true });
  const gateway = await assembleGateway(config, log);
  shutdown.register("gateway", () => gateway.stop());
  const ports = await gateway.start();
  log.info(ports, "the gateway listens");
  process.send?.({ ready: true, ...ports });
};

run().catch((error: unknown) => {
  process.stderr.write(`gateway: ${error instanceof Error ? error.message : "failed to start"}\n`);
  process.exit(1);
});
