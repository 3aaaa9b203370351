import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, onTestFinished, test } from "vitest";
import { readPidLock, tryPidLock } from "./pid-lock.ts";
import { identify, isSame } from "./process-identity.ts";

const setUp = () => {
  const home = temporaryDirectory("pid-lock");
  return { home, path: join(home, "lock") };
};
const dead = { pid: process.pid, startedAt: "another boot:1" };

test("one holder at a time; released it is free and leaves nothing behind", () => {
  const { home, path } = setUp();
  const first = tryPidLock(path);
  if (!first.ok) throw new Error("a free lock was refused");
  first.lock.publish({ api: "http://127.0.0.1:4100" });
  expect(tryPidLock(path)).toMatchObject({ ok: false, holder: { pid: process.pid, api: "http://127.0.0.1:4100" } });
  first.lock.release();
  expect(tryPidLock(path).ok).toBe(true);
  expect(readdirSync(home)).toEqual(["lock"]);
});

test.each([
  ["a process that is gone", JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "x" })],
  ["a process whose number is in use again", JSON.stringify(dead)],
  ["a write that was cut off", '{"pid": 1'],
  ["nobody", ""],
])("the lock of %s is taken over", (_whose, text) => {
  const { home, path } = setUp();
  writeFileSync(path, text);
  expect(tryPidLock(path).ok).toBe(true);
  expect(readPidLock(path)?.pid).toBe(process.pid);
  expect(readdirSync(home)).toEqual(["lock"]);
});

test("of two that see the same dead lock, the slower one does not remove the faster one's", () => {
  const { home, path } = setUp();
  writeFileSync(path, JSON.stringify(dead));
  let isFirstLook = true;
  const slow = tryPidLock(path, {
    // The faster starter takes over between the slower one's look at the dead lock and its removal.
    isRunning: (other) => {
      if (isFirstLook) {
        isFirstLook = false;
        expect(tryPidLock(path).ok).toBe(true);
        return false;
      }
      return isSame(other);
    },
  });
  expect(slow).toMatchObject({ ok: false, holder: { pid: process.pid } });
  expect(readdirSync(home)).toEqual(["lock"]);
});

test("a remover that died midway is passed over", () => {
  const { home, path } = setUp();
  const text = JSON.stringify(dead);
  const removal = `${path}.dead-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
  writeFileSync(path, text);
  writeFileSync(removal, JSON.stringify({ ...dead, nonce: "remover" }));
  expect(tryPidLock(path).ok).toBe(true);
  expect(readdirSync(home)).toEqual(["lock"]);
});

test("only the holder releases", () => {
  const { path } = setUp();
  const first = tryPidLock(path, { owner: { pid: 1, startedAt: "a" }, isRunning: () => false });
  const second = tryPidLock(path, { owner: { pid: 1, startedAt: "a" }, isRunning: () => false });
  if (first.ok) first.lock.release();
  expect(second.ok).toBe(true);
  expect(readPidLock(path)?.pid).toBe(1);
});

test("of several processes that find a dead lock at once, one gets it", async () => {
  const { path } = setUp();
  const source = new URL("./pid-lock.ts", import.meta.url).href;
  // Each tries when it is told to, and goes when it is told to: whoever got it keeps it until all have tried.
  const program = `
    const { tryPidLock } = await import(${JSON.stringify(source)});
    process.stdin.once("data", () => {
      const attempt = tryPidLock(${JSON.stringify(path)});
      process.stdout.write(attempt.ok ? "got" : "refused");
    });
    process.stdin.once("end", () => process.exit(0));
    process.stdout.write("ready");
  `;
  writeFileSync(path, JSON.stringify(dead));
  const contenders = Array.from({ length: 4 }, () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "pipe" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const said = async () => String((await once(child.stdout, "data"))[0]);
    return { child, said };
  });
  expect(await Promise.all(contenders.map(({ said }) => said()))).toEqual(contenders.map(() => "ready"));
  const tried = contenders.map(({ said }) => said());
  for (const { child } of contenders) child.stdin.write("go");
  expect((await Promise.all(tried)).filter((word) => word === "got")).toHaveLength(1);
  for (const { child } of contenders) child.stdin.end();
});

test("a process is itself, and not one with another start", () => {
  const own = identify(process.pid);
  expect(own.startedAt).not.toBe("");
  expect(isSame(own)).toBe(true);
  expect(isSame({ ...own, startedAt: `${own.startedAt}0` })).toBe(false);
});
