import { EventEmitter } from "node:events";
import { createMetrics } from "@portolan/kit";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createUnreadBytes, type UnreadBytes } from "./unread-bytes.ts";

class Connection extends EventEmitter {
  writableLength = 0;
  bytesWritten = 0;

  write(sizeBytes: number): void {
    this.writableLength += sizeBytes;
    this.bytesWritten += sizeBytes;
  }
}

const cut: string[] = [];
const warn = vi.fn();
let nowMs = 0;
let metrics: ReturnType<typeof createMetrics>;
let unread: UnreadBytes;
beforeEach(() => {
  vi.useFakeTimers();
  cut.length = 0;
  warn.mockClear();
  nowMs = 0;
  metrics = createMetrics();
  unread = createUnreadBytes({ budgetBytes: 100, metrics, log: { warn }, now: () => nowMs });
});
afterEach(() => {
  unread.close();
  vi.useRealTimers();
});

const open = (name: string): Connection => {
  const connection = new Connection();
  unread.watch(connection, () => {
    cut.push(name);
    connection.emit("close");
  });
  return connection;
};
const write = (connection: Connection, sizeBytes: number): void => {
  connection.write(sizeBytes);
  unread.wrote(sizeBytes);
};
const pass = (ms: number): void => {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
};

it("over the budget those go who took nothing for longest, until an eighth of it is free", async () => {
  const [old, busy, fresh] = [open("old"), open("busy"), open("fresh")];
  write(old, 20);
  write(busy, 30);
  pass(1_000);
  busy.writableLength -= 10;
  pass(1_000);
  pass(1_000);
  write(fresh, 40);
  expect(cut).toEqual([]);
  write(fresh, 30);
  expect(cut).toEqual(["old", "busy"]);
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    { heldBytes: 110, freedBytes: 40, budgetBytes: 100, callers: 2, longestMs: 2_000 },
    expect.any(String),
  );
  const text = await metrics.render();
  expect(text).toContain("portolan_gateway_slow_callers_cut_total 2");
  expect(text).toContain("portolan_gateway_unread_bytes 70");
});

it("who reads what is written to it is cut by no amount", () => {
  const connection = open("reader");
  for (let turn = 0; turn < 50; turn++) {
    write(connection, 90);
    connection.writableLength = 0;
  }
  pass(10_000);
  expect(cut).toEqual([]);
});

it("what waits behind other answers of a connection counts too", () => {
  const connection = open("pipelined");
  unread.queue(connection, 80);
  unread.wrote(80);
  unread.unqueue(connection, 80);
  write(connection, 80);
  expect(cut).toEqual([]);
  unread.queue(connection, 30);
  unread.wrote(30);
  expect(cut).toEqual(["pipelined"]);
});

it("what was not said to be written is noticed at the next look, and a closed connection holds nothing", () => {
  const [first, second] = [open("first"), open("second")];
  first.write(60);
  pass(500);
  first.emit("close");
  second.write(60);
  pass(500);
  expect(cut).toEqual([]);
  second.write(60);
  pass(500);
  expect(cut).toEqual(["second"]);
});
