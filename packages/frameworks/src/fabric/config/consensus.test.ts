import { expect, test } from "vitest";
import { bftQuorum } from "./consensus.ts";
import { toMilliseconds } from "./go-duration.ts";

test.each([
  [4, 3],
  [5, 4],
  [6, 4],
  [7, 5],
  [10, 7],
])("a block of %i orderers needs %i signatures", (count, quorum) => {
  expect(bftQuorum(count)).toBe(quorum);
});

test.each([
  ["250ms", 250],
  ["2s", 2_000],
  ["1m30s", 90_000],
  ["1.5s", 1_500],
  ["1h0m0.5s", 3_600_500],
  ["", Number.NaN],
  ["soon", Number.NaN],
  ["5 s", Number.NaN],
])("Go's duration %s is %d ms", (text, milliseconds) => {
  expect(toMilliseconds(text)).toBe(milliseconds);
});
