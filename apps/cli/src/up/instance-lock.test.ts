import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { readLock, takeInstanceLock } from "./instance-lock.ts";

const setUp = () => {
  const home = temporaryDirectory("lock");
  return { home, path: join(home, "up.lock") };
};

test("a second instance is told who runs, where and what to do", () => {
  const { path } = setUp();
  const first = takeInstanceLock(path);
  expect(() => takeInstanceLock(path)).toThrow(`already starting here (pid ${process.pid})`);
  first.publish({ api: "http://127.0.0.1:4100", gateway: "http://127.0.0.1:4200" });
  expect(() => takeInstanceLock(path)).toThrow(
    `already runs here (pid ${process.pid}): API http://127.0.0.1:4100, gateway http://127.0.0.1:4200`,
  );
});

test("released it is free, and leaves nothing behind", () => {
  const { home, path } = setUp();
  takeInstanceLock(path).release();
  const again = takeInstanceLock(path);
  again.release();
  expect(readdirSync(home)).toEqual([]);
});

test("a lock of a process that is gone is taken over, also when its number is in use again", () => {
  const { home, path } = setUp();
  for (const dead of [
    { pid: 2 ** 22 + 1, startedAt: "x" },
    { pid: process.pid, startedAt: "another boot:1" },
  ]) {
    writeFileSync(path, JSON.stringify(dead));
    takeInstanceLock(path).release();
  }
  expect(readdirSync(home)).toEqual([]);
});

test("a lock that was cut off while written is taken over", () => {
  const { path } = setUp();
  writeFileSync(path, '{"pid": 1');
  takeInstanceLock(path);
  expect(readLock(path)?.pid).toBe(process.pid);
});
