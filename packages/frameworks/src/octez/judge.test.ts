import { describe, expect, it } from "vitest";
import type { Inspection } from "./inspection.ts";
import { allowedHeadAgeSeconds, roundSeconds } from "./judge.ts";

const chain = (delay: number, increment: number): Inspection => ({
  genesis: {
    block: "B",
    chainId: "Net",
    chainName: "T",
    protocol: "P",
    timestamp: "2026-01-01T00:00:00Z",
    activator: "e",
  },
  protocol: "P",
  blockDelaySeconds: delay,
  delayIncrementSeconds: increment,
  nodeCount: 2,
});

/** How long the round lasts that runs at that age, counted one round after the other. */
const counted = (age: number, delay: number, increment: number): number => {
  let begin = 0;
  for (let round = 0; ; round++) {
    const lasts = delay + round * increment;
    if (begin + lasts > age) return lasts;
    begin += lasts;
  }
};

describe("the age of a head", () => {
  it("may be a minute, or five blocks where they are slower", () => {
    expect([1, 12, 13, 60].map((delay) => allowedHeadAgeSeconds(chain(delay, 1)))).toEqual([60, 60, 65, 300]);
  });
});

describe("a round", () => {
  it.each([
    [1, 1],
    [5, 2],
    [15, 5],
    [7, 100],
    [10, 0],
  ])("lasts as long as counting says, with a delay of %d s and %d s more each", (delay, increment) => {
    for (const age of [0, 1, delay - 1, delay, delay + 1, 61, 600, 3_600, 86_400])
      expect([age, roundSeconds(age, chain(delay, increment))]).toEqual([age, counted(age, delay, increment)]);
  });
});
