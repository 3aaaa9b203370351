import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { listenForStop } from "./stop-signals.ts";

const setUp = () => {
  const source = new EventEmitter();
  const said: string[] = [];
  const time = { ms: 5_000 };
  const stop = listenForStop(
    (line) => said.push(line),
    source,
    () => time.ms,
  );
  let hurries = 0;
  stop.onSecond = () => {
    hurries += 1;
  };
  return { source, said, time, stop, hurries: () => hurries };
};

test("what arrives within a second of the first is the first again: a group's signal comes more than once", () => {
  const { source, said, time, stop, hurries } = setUp();
  source.emit("SIGINT", "SIGINT");
  expect(stop.signal.aborted).toBe(true);
  time.ms += 900;
  source.emit("SIGINT", "SIGINT");
  source.emit("SIGTERM", "SIGTERM");
  expect(hurries()).toBe(0);
  expect(said).toHaveLength(1);
});

test("a later one hurries, each time; after dispose nobody listens", () => {
  const { source, time, stop, hurries } = setUp();
  source.emit("SIGTERM", "SIGTERM");
  time.ms += 1_000;
  source.emit("SIGTERM", "SIGTERM");
  source.emit("SIGINT", "SIGINT");
  expect(hurries()).toBe(2);
  stop.dispose();
  expect(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM") + source.listenerCount("SIGHUP")).toBe(0);
});
