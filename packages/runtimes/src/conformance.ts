import { describe } from "vitest";
import { crashTests } from "./conformance/crash.ts";
import { dataTests } from "./conformance/data.ts";
import type { ConformanceHarness } from "./conformance/harness.ts";
import { lifecycleTests } from "./conformance/lifecycle.ts";
import { startTests } from "./conformance/start.ts";

export type { ConformanceHarness } from "./conformance/harness.ts";

/** One suite for every driver, on real programs. Only tests import this file: it needs vitest. */
export const describeRuntimeConformance = (name: string, open: () => Promise<ConformanceHarness>): void => {
  describe(`${name}: runtime conformance`, () => {
    lifecycleTests(open);
    startTests(open);
    dataTests(open);
    crashTests(open);
  });
};
