import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { silentLogger } from "./log.ts";
import { createShutdown } from "./shutdown.ts";

class FakeProcess extends EventEmitter {
  readonly codes: number[] = [];
  connected?: boolean;
  exit(code: number): void {
    this.codes.push(code);
  }
}

const setUp = (settings: { timeoutMs?: number; exitWhenParentDies?: boolean; connected?: boolean } = {}) => {
  const port = new FakeProcess();
  if (settings.connected !== undefined) port.connected = settings.connected;
  const { connected: _connected, ...rest } = settings;
  return { port, shutdown: createShutdown({ log: silentLogger, process: port, ...rest }) };
};

test("closes in reverse order, once, whatever arrives twice, and exits 0", async () => {
  const { port, shutdown } = setUp();
  const closed: string[] = [];
  shutdown.register("database", () => closed.push("database"));
  shutdown.register("server", async () => {
    await Promise.resolve();
    closed.push("server");
  });
  port.emit("SIGTERM");
  port.emit("SIGINT");
  expect(shutdown.signal.aborted).toBe(true);
  expect(await shutdown.trigger("again")).toBe(0);
  expect(closed).toEqual(["server", "database"]);
  expect(port.codes).toEqual([0]);
});

test("a failing and a hanging close neither stop the others nor exceed the time; exit code 1", async () => {
  const { port, shutdown } = setUp({ timeoutMs: 1_000 });
  const closed: string[] = [];
  shutdown.register("first", () => closed.push("first"));
  shutdown.register("hangs", () => new Promise(() => undefined), { timeoutMs: 20 });
  shutdown.register("throws", () => {
    throw new Error("boom");
  });
  const started = performance.now();
  expect(await shutdown.trigger("test")).toBe(1);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(closed).toEqual(["first"]);
  expect(port.codes).toEqual([1]);
});

test("the parent's death is a reason only when asked", async () => {
  const deaf = setUp();
  deaf.port.emit("disconnect");
  expect(deaf.shutdown.signal.aborted).toBe(false);
  const { port, shutdown } = setUp({ exitWhenParentDies: true });
  port.emit("disconnect");
  expect(shutdown.signal.aborted).toBe(true);
  await shutdown.trigger("same");
  expect(port.codes).toEqual([0]);
  const orphan = setUp({ exitWhenParentDies: true, connected: false });
  await Promise.resolve();
  expect(orphan.shutdown.signal.aborted).toBe(true);
});

test("an uncaught error closes everything and exits 1", async () => {
  const { port, shutdown } = setUp();
  let isClosed = false;
  shutdown.register("x", () => {
    isClosed = true;
  });
  port.emit("uncaughtException", new Error("boom"));
  expect(await shutdown.trigger("same")).toBe(1);
  expect(isClosed).toBe(true);
  shutdown.dispose();
  expect(port.listenerCount("SIGTERM")).toBe(0);
});
