import { describe } from "vitest";
import { crashTests } from "./crash.ts";
import { dataTests } from "./data.ts";
import type { ConformanceHarness } from "./harness.ts";
import { lifecycleTests } from "./lifecycle.ts";
import { startTests } from "./start.ts";

export type { ConformanceHarness } from "./harness.ts";

/** One suite for every driver, on real programs. Only tests import this file: it needs vitest. */
export const describeRuntimeConformance = (name: string, open: () => Promise<ConformanceHarness>): void => {
  describe(`${name}: runtime conformance`, () => {
    lifecycleTests(open);
    startTests(open);
    dataTests(open);
    crashTests(open);
  });
};
