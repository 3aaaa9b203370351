import { expect, test } from "vitest";
import { countTests } from "./count-tests.ts";

test("counts tests by outcome; todo and pending are skipped", () => {
  const assertionResults = ["passed", "passed", "failed", "pending", "todo", "skipped"].map((status) => ({ status }));
  expect(countTests({ testResults: [{ status: "failed", assertionResults }] })).toEqual({
    passed: 2,
    failed: 1,
    skipped: 3,
  });
});

test("a file that could not be loaded is a failure", () => {
  expect(countTests({ testResults: [{ status: "failed", assertionResults: [] }] }).failed).toBe(1);
});
