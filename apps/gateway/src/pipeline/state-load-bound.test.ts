import { expect, it } from "vitest";
import { createStateLoadBound } from "./state-load-bound.ts";

it("has one load in flight per chain", () => {
  const bound = createStateLoadBound(() => 0);
  const first = bound.begin("a");
  expect(bound.begin("a")).toBeNull();
  expect(bound.begin("b")).not.toBeNull();
  first?.end();
  const second = bound.begin("a");
  expect(second).not.toBeNull();
  // A late second end of the first one does not end the other's turn.
  first?.end();
  expect(bound.begin("a")).toBeNull();
});

it("gives a chain's checks a tenth of the time, those that fail included", () => {
  let now = 1_000;
  const bound = createStateLoadBound(() => now);
  const turn = bound.begin("a");
  expect(() =>
    turn?.check(() => {
      now += 50;
      throw new Error("no state");
    }),
  ).toThrow("no state");
  turn?.end();
  now = 1_499;
  expect(bound.begin("a")).toBeNull();
  expect(bound.begin("b")).not.toBeNull();
  now = 1_500;
  expect(bound.begin("a")).not.toBeNull();
});
