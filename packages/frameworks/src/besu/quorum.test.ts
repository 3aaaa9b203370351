import { expect, test } from "vitest";
import { majorityOf, mayStopOne, quorumOf } from "./quorum.ts";

const counts = [1, 2, 3, 4, 5, 6, 7, 10];

test("two thirds seal a block, more than half change the set", () => {
  expect(counts.map(quorumOf)).toEqual([1, 2, 2, 3, 4, 4, 5, 7]);
  expect(counts.map(majorityOf)).toEqual([1, 2, 2, 3, 3, 4, 4, 6]);
});

test("one is stopped only while more than two thirds stay", () => {
  const all = counts.filter((count) => mayStopOne(count, count));
  expect(all).toEqual(counts);
  expect(counts.filter((count) => mayStopOne(count - 1, count))).toEqual([7, 10]);
  expect(mayStopOne(2, 3)).toBe(false);
});
