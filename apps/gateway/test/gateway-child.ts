import { randomBytes } from "node:crypto";
import type { EdgePort, EdgeSnapshot } from "@portolan/contract";
import { systemClock } from "@portolan/domain";
import { silentLogger } from "@portolan/kit";
import { buildGateway } from "../src/index.ts";
import { testFrameworks } from "./test-policy.ts";

/** A gateway in a process of its own, to be killed; its centre is the parent, over IPC. */
const [dir = "", snapshotText = ""] = process.argv.slice(2);
const waiting = new Map<number, (isDuplicate: boolean) => void>();
let asked = 0;
process.on("message", ({ acked, isDuplicate }: { acked: number; isDuplicate: boolean }) =>
  waiting.get(acked)?.(isDuplicate),
);

const port: EdgePort = {
  snapshot: async () => JSON.parse(snapshotText) as EdgeSnapshot,
  changes: (_region, _onChange, signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
  wake: async () => undefined,
  shipUsage: (batch) =>
    new Promise((resolve) => {
      const ask = asked++;
      waiting.set(ask, (isDuplicate) => resolve({ isDuplicate }));
      process.send?.({ ask, batch });
    }),
  partKey: async () => ({ kind: "refused", reason: "unavailable" }),
  shipRequests: async () => undefined,
};

const gateway = buildGateway(
  {
    port,
    frameworks: testFrameworks,
    log: silentLogger,
    clock: systemClock,
    random: { bytes: (size) => randomBytes(size) },
  },
  { region: "local", dir, host: "127.0.0.1", httpPort: 0, windowMs: 100, tickMs: 20 },
);
const { port: httpPort } = await gateway.start();
process.send?.({ port: httpPort });
process.once("SIGTERM", () => void gateway.stop().then(() => process.exit(0)));
process.once("disconnect", () => process.exit(1));
