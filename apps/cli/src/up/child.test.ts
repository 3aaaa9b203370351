import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startOf } from "@portolan/kit";
import { temporaryDirectory } from "@portolan/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { type ChildSettings, createChild } from "./child.ts";

const setUp = (source: string, more: Partial<ChildSettings> = {}) => {
  const directory = temporaryDirectory("child");
  const script = join(directory, "main.mjs");
  writeFileSync(script, source);
  const lines: string[] = [];
  const logFile = join(directory, "child.log");
  const settings = { name: "api", script, cwd: directory, env: { SECRET: "s3" }, logFile, firstPauseMs: 5 };
  const child = createChild({ ...settings, log: (line) => lines.push(line), ...more });
  onTestFinished(async () => void (await child.stop({ graceMs: 0 })));
  return { child, lines, logFile };
};

const ready =
  'process.send({ ready: true, port: 4711 }); setInterval(() => {}, 1000); process.on("disconnect", () => process.exit());';

test("is ready when it says so, logs into its file, and ends on SIGTERM", async () => {
  const { child, logFile } = setUp(`console.log("hello " + process.env.SECRET); ${ready}`);
  expect(await child.start()).toEqual({ port: 4711 });
  const { pid = 0 } = child;
  expect(await child.stop({ graceMs: 60_000 })).toBe(true);
  expect(startOf(pid)).toBeUndefined();
  expect(readFileSync(logFile, "utf8")).toContain("hello s3");
});

test("one that ends before it is ready fails with what it wrote, without secrets", async () => {
  const { child } = setUp('console.error("no database at postgres://u:hunter2@h/d"); process.exit(3);');
  const error = await child.start().catch((caught: unknown) => caught);
  expect(error).toMatchObject({ message: "api did not start (code 3).", tail: expect.stringContaining("no database") });
  expect(JSON.stringify(error)).not.toContain("hunter2");
});

/** Ends before it is ready as often as told, then is. */
const lateBloomer = (failures: number) =>
  `import { existsSync, readFileSync, writeFileSync } from "node:fs";
  const runs = existsSync("runs") ? Number(readFileSync("runs")) : 0;
  writeFileSync("runs", String(runs + 1));
  if (runs < ${failures}) { console.error("the database did not answer"); process.exit(1); }
  ${ready}`;

test("one that ends before it is ready is tried again", async () => {
  const { child, lines } = setUp(lateBloomer(2));
  expect(await child.start()).toEqual({ port: 4711 });
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("did not start (code 1); trying again");
});

test.each(["The environment is not usable:", "listen EADDRINUSE: address already in use"])(
  "one that says %s is not tried again",
  async (words) => {
    const { child, lines } = setUp(`console.error(${JSON.stringify(words)}); process.exit(1);`);
    await expect(child.start()).rejects.toThrow("did not start (code 1)");
    expect(lines).toEqual([]);
  },
);

test("one that is stopped between two tries fails its start", async () => {
  const { child, lines } = setUp("process.exit(1);", { firstPauseMs: 60_000 });
  const start = child.start();
  const failed = expect(start).rejects.toThrow("stopped before it was ready");
  await vi.waitFor(() => expect(lines).toHaveLength(1), { timeout: 60_000 });
  await child.stop({ graceMs: 0 });
  await failed;
});

test("one that says nothing fails after its time", async () => {
  const { child } = setUp("setInterval(() => {}, 1000);", { readyTimeoutMs: 200 });
  await expect(child.start()).rejects.toThrow("not ready within 0.2 s");
});

test("a killed one is started again and said, until it is stopped", async () => {
  const { child, lines } = setUp(ready);
  await child.start();
  const first = child.pid ?? 0;
  process.kill(first, "SIGKILL");
  await vi.waitFor(() => expect(lines.at(-1)).toContain("runs again"), { timeout: 60_000 });
  expect(child.pid).not.toBe(first);
  expect(lines[0]).toContain("SIGKILL");
  await child.stop({ graceMs: 2_000 });
  expect(child.pid).toBeUndefined();
});

test("one that does not listen is killed after its grace", async () => {
  const { child } = setUp(`process.on("SIGTERM", () => {}); ${ready}`);
  await child.start();
  expect(await child.stop({ graceMs: 100 })).toBe(false);
});

test("a message goes by IPC instead of a signal", async () => {
  const { child, logFile } = setUp(
    `${ready} process.on("message", (m) => { console.log(JSON.stringify(m)); process.exit(0); });`,
  );
  await child.start();
  expect(await child.stop({ graceMs: 60_000, message: { type: "stop", nodes: true } })).toBe(true);
  expect(readFileSync(logFile, "utf8")).toContain('{"type":"stop","nodes":true}');
});
