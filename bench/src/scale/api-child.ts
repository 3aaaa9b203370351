import { assembleApi, loadConfig } from "@portolan/api";
import { createLogger, createShutdown } from "@portolan/kit";
import { stillFramework } from "./still-framework.ts";

/** The API as its own `main.ts` starts it, with one framework more. */
const config = loadConfig();
const log = createLogger({ name: "api", level: config.PORTOLAN_LOG_LEVEL });
const shutdown = createShutdown({ log, exitWhenParentDies: true });
const app = await assembleApi(config, log, shutdown, { frameworks: [stillFramework] });
await app.listen({ host: config.PORTOLAN_API_HOST, port: config.PORTOLAN_API_PORT });
const address = app.server.address();
process.send?.({ ready: true, port: typeof address === "object" && address !== null ? address.port : 0 });
