import { expect, test } from "vitest";
import { keepStarting } from "./keep-starting.ts";

const recorder = () => {
  const lines: string[] = [];
  const say = (_fields: unknown, message?: string) => void lines.push(message ?? "");
  return { lines, log: { info: say, warn: say } };
};

test("a queue that is slow is tried again until it answers", async () => {
  const { lines, log } = recorder();
  let attempts = 0;
  const start = async () => {
    attempts += 1;
    if (attempts < 3) throw new Error("the job queue did not answer");
  };
  await keepStarting({ start }, { log, signal: new AbortController().signal, pauseMs: 1 });
  expect(attempts).toBe(3);
  expect(lines).toEqual([
    expect.stringContaining("can't be served yet"),
    expect.stringContaining("can't be served yet"),
    "the job queue is served now",
  ]);
});

test("ends with the worker", async () => {
  const { log } = recorder();
  const stopping = new AbortController();
  let attempts = 0;
  const start = async () => {
    attempts += 1;
    throw new Error("no");
  };
  const running = keepStarting({ start }, { log, signal: stopping.signal, pauseMs: 60_000 });
  await Promise.resolve();
  stopping.abort();
  await running;
  expect(attempts).toBe(1);
});
