import { expect, test } from "vitest";
import { seededClock } from "./seeded-clock.ts";
import { seededRandom } from "./seeded-random.ts";

test("the clock stands still until it is moved", () => {
  const clock = seededClock("2026-01-01T00:00:00Z");
  const before = clock.now();
  clock.advance(1_500);
  expect(clock.now().getTime() - before.getTime()).toBe(1_500);
  clock.set(new Date(5));
  expect(clock.now().getTime()).toBe(5);
});

test("randomness repeats by seed, however it is cut, and differs between seeds", () => {
  const whole = seededRandom("s").bytes(100);
  const cut = seededRandom("s");
  expect([...cut.bytes(7), ...cut.bytes(93)]).toEqual([...whole]);
  expect([...seededRandom("t").bytes(100)]).not.toEqual([...whole]);
  expect(new Set(whole).size).toBeGreaterThan(50);
});
