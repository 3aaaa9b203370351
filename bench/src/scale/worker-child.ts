import { createLogger, createShutdown, growHeapSlowly } from "@portolan/kit";
import { assembleWorker, loadConfig } from "@portolan/worker";
import { stillFramework } from "./still-framework.ts";

/** The worker as its own `main.ts` starts it, with one framework more. */
growHeapSlowly();
const config = loadConfig();
const log = createLogger({ name: "worker", level: config.PORTOLAN_LOG_LEVEL });
const shutdown = createShutdown({ log, timeoutMs: 20_000, exitWhenParentDies: true });
const worker = await assembleWorker(config, log, { frameworks: [stillFramework] });
shutdown.register("worker", () => worker.close({ nodes: false }));
await worker.start();
process.send?.({ ready: true });
