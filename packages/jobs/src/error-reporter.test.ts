import { expect, test } from "vitest";
import { createErrorReporter } from "./error-reporter.ts";

test("says code and message of an error, never what hangs on it", () => {
  const said: unknown[] = [];
  const report = createErrorReporter({ warn: (...args: unknown[]) => void said.push(args) }, "trouble");
  const client = { processID: 7, secretKey: 424_242, connectionParameters: { password: "hunter2" } };
  report(Object.assign(new Error("the server went away"), { code: "57P01", client }));
  report(new Error("kept back"));
  expect(said).toEqual([[{ reason: "the server went away", code: "57P01", heldBack: 0 }, "trouble"]]);
});
