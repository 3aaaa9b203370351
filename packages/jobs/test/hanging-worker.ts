/** A worker process that takes a job and never ends it, to be killed by its test. */
import { silentLogger } from "@portolan/kit";
import type { JobConnection } from "../src/connection.ts";
import { createJobConsumer, placementsQueue } from "../src/index.ts";

const [connectionText = "", region = ""] = process.argv.slice(2);
const connection: JobConnection = JSON.parse(connectionText);

const consumer = createJobConsumer({
  connection,
  queues: [placementsQueue(region)],
  log: silentLogger,
  handlers: {
    "placement.reconcile": async ({ placementId }) => {
      process.send?.(placementId);
      await new Promise(() => undefined);
    },
  },
});
await consumer.start();
process.send?.("ready");
