import { createLogger, createShutdown, growHeapSlowly } from "@portolan/kit";
import { loadConfig } from "./config.ts";
import { assembleWorker } from "./deps.ts";

/** Stopping chain nodes takes their grace, so a whole installation's stop is given longer than a worker's own. */
const shutdownMs = 40_000;

const run = async (): Promise<void> => {
  growHeapSlowly();
  const config = loadConfig();
  const log = createLogger({ name: "worker", level: config.PORTOLAN_LOG_LEVEL });
  const shutdown = createShutdown({ log, timeoutMs: shutdownMs, exitWhenParentDies: true });
  const worker = await assembleWorker(config, log);
  let isNodesToo = false;
  shutdown.register("worker", () => worker.close({ nodes: isNodesToo }));
  process.on("message", (message: unknown) => {
    // The supervisor stops the whole installation: nodes too. A worker that is only restarted leaves them running.
    if (typeof message !== "object" || message === null || !("type" in message) || message.type !== "stop") return;
    isNodesToo = "nodes" in message && message.nodes === true;
    void shutdown.trigger("the supervisor stops");
  });
  await worker.start();
  process.send?.({ ready: true });
};

run().catch((error: unknown) => {
  process.stderr.write(`worker: ${error instanceof Error ? error.message : "failed to start"}\n`);
  process.exit(1);
});
