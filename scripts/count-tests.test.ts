import { describe, expect, it } from "vitest";
import { countTests, failedFiles, failureLines, mergeReports } from "./count-tests.ts";

const fileOf = (name: string, ...statuses: string[]) => ({
  name,
  status: statuses.includes("failed") ? "failed" : "passed",
  assertionResults: statuses.map((status, index) => ({
    status,
    fullName: `test ${index}`,
    failureMessages: status === "failed" ? ["Error: no\n    at here"] : [],
  })),
});
const unloadable = { name: "/b.test.ts", status: "failed", message: "no such module\nat", assertionResults: [] };

describe("vitest's report", () => {
  it("is counted by outcome; todo and pending are skipped", () => {
    const testResults = [fileOf("/a.test.ts", "passed", "passed", "failed", "pending", "todo", "skipped")];
    expect(countTests({ testResults })).toEqual({ passed: 2, failed: 1, skipped: 3 });
  });

  it("has a failure where a file could not be loaded", () => {
    expect(countTests({ testResults: [unloadable] }).failed).toBe(1);
  });

  it("names what failed, a line each", () => {
    const testResults = [fileOf("/a.test.ts", "passed", "failed"), unloadable, fileOf("/c.test.ts", "passed")];
    expect(failedFiles({ testResults })).toEqual(["/a.test.ts", "/b.test.ts"]);
    expect(failureLines({ testResults })).toEqual(["/a.test.ts > test 1: Error: no", "/b.test.ts: no such module"]);
  });

  it("takes the later results of the files that ran again, and no others", () => {
    const earlier = { testResults: [fileOf("/a.test.ts", "failed"), fileOf("/c.test.ts", "passed", "passed")] };
    const merged = mergeReports(earlier, { testResults: [fileOf("/a.test.ts", "passed")] });
    expect(countTests(merged)).toEqual({ passed: 3, failed: 0, skipped: 0 });
    expect(countTests(mergeReports(earlier, { testResults: [] })).failed).toBe(1);
  });
});
