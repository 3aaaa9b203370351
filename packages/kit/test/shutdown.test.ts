import { fork } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const start = async (...flags: string[]) => {
  const child = fork(new URL("./stopping-process.ts", import.meta.url), flags, {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  if (!child.stdout || !child.stderr) throw new Error("no pipes");
  const [out, log] = [text(child.stdout), text(child.stderr)];
  const exited = once(child, "exit");
  await once(child, "message");
  return { child, out, log, exited };
};

test.each(["SIGTERM", "SIGINT"] as const)("a real process closes and exits 0 on %s", async (signal) => {
  const { child, out, log, exited } = await start();
  child.kill(signal);
  expect(await exited).toEqual([0, null]);
  expect(await out).toBe("server closed\n");
  expect(await log).toContain(`"reason":"${signal}"`);
});

test("a real process follows its parent", async () => {
  const { child, out, exited } = await start();
  child.disconnect();
  expect(await exited).toEqual([0, null]);
  expect(await out).toBe("server closed\n");
});

test("an error that nobody caught closes all, exits 1 and leaks nothing into the log", async () => {
  const { out, log, exited } = await start("throw");
  expect(await exited).toEqual([1, null]);
  expect(await out).toBe("server closed\n");
  expect(await log).toContain("unhandled rejection");
  expect(await log).not.toContain("CANARY");
});
