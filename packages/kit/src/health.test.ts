import { expect, test } from "vitest";
import { createHealth } from "./health.ts";

test("ready only after start-up and while every check passes", async () => {
  const health = createHealth({ timeoutMs: 20 });
  let isUp = true;
  health.addCheck("database", async () => isUp);
  expect((await health.report()).ready).toBe(false);
  health.setReady(true);
  expect(await health.report()).toEqual({ ready: true, checks: [{ name: "database", ok: true }] });
  isUp = false;
  expect((await health.report()).ready).toBe(false);
  expect(health.live()).toBe(true);
});

test("a check that throws or hangs is a failed check with a redacted message", async () => {
  const health = createHealth({ timeoutMs: 20 });
  health.setReady(true);
  health.addCheck("throws", () => {
    throw new Error("postgres://u:CANARY@h is down");
  });
  health.addCheck("hangs", () => new Promise(() => undefined));
  const report = await health.report();
  expect(report.checks.map(({ ok }) => ok)).toEqual([false, false]);
  expect(report.checks[1]?.message).toContain("20 ms");
  expect(JSON.stringify(report)).not.toContain("CANARY");
});
