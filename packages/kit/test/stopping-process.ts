/** A program that stays up until it is told, or left alone, for the tests of shutdown. */
import { createLogger, createShutdown } from "../src/index.ts";

const shutdown = createShutdown({
  log: createLogger({ name: "child", destination: process.stderr }),
  timeoutMs: 20_000,
  exitWhenParentDies: true,
});
const timer = setInterval(() => undefined, 1_000);
shutdown.register("timer", () => clearInterval(timer));
shutdown.register("server", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.stdout.write("server closed\n");
});
if (process.argv[2] === "throw") setTimeout(() => Promise.reject(new Error("token=CANARY")), 50);
process.send?.("ready");
