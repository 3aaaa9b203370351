import { expect, test } from "vitest";
import { createTurnsAnew } from "./anew.ts";

test("a few have their turn at once, the others one after the other, and each keeps it", () => {
  let now = 0;
  const isTurn = createTurnsAnew(() => now);
  const names = Array.from({ length: 40 }, (_, index) => `p-${index}`);
  const turns = (): number => names.filter(isTurn).length;
  expect(turns()).toBe(30);
  expect(turns()).toBe(30);
  now = 499;
  expect(turns()).toBe(30);
  now = 1_000;
  expect(turns()).toBe(32);
  now = 60_000;
  expect(turns()).toBe(40);
});
