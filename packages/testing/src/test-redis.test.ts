import { expect, test, vi } from "vitest";
import { requireProgram } from "./require-program.ts";
import { createTestRedis } from "./test-redis.ts";

test("a missing program is one line, or a failure where it is required", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  expect(requireProgram("no-such-program")).toBeUndefined();
  expect(requireProgram("no-such-program")).toBeUndefined();
  expect(warn.mock.calls.map(([line]) => line)).toEqual([
    "SKIPPED: no-such-program was not found: put it on the PATH, or its directory into PORTOLAN_PROGRAMS",
  ]);
  vi.stubEnv("PORTOLAN_REQUIRE", "redis, no-such-program");
  expect(() => requireProgram("no-such-program")).toThrow("no-such-program was not found");
  vi.unstubAllEnvs();
  warn.mockRestore();
});

test("redis answers, can be killed, comes back on the same port, and leaves no process", async () => {
  const redis = await createTestRedis();
  if (redis === undefined) return;
  const { pid } = redis;
  await redis.kill();
  expect(() => process.kill(pid, 0)).toThrow();
  await redis.restart();
  expect(redis.pid).not.toBe(pid);
  const last = redis.pid;
  await redis.stop();
  expect(() => process.kill(last, 0)).toThrow();
});
