import { expect, test } from "vitest";
import { toPortNumbers } from "./ports.ts";

const named = (...names: string[]) => names.map((name) => ({ name }));

test("numbers are counted by name, whatever the order", () => {
  const numbers = new Map([
    ["admin", 8_000],
    ["grpc", 8_001],
    ["rpc", 8_002],
  ]);
  expect(toPortNumbers(named("grpc", "rpc", "admin"))).toEqual(numbers);
  expect(toPortNumbers(named("admin", "grpc", "rpc"))).toEqual(numbers);
});

test("a port that is added or dropped moves no other", () => {
  const before = toPortNumbers(named("grpc", "rpc"));
  const after = toPortNumbers(named("grpc", "rpc", "admin"), before);
  expect(after.get("grpc")).toBe(before.get("grpc"));
  expect(after.get("rpc")).toBe(before.get("rpc"));
  expect(new Set(after.values()).size).toBe(3);
  expect([...toPortNumbers(named("rpc"), after)]).toEqual([["rpc", before.get("rpc")]]);
});
