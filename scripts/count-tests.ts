interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Counts vitest's JSON report. A file that failed without a failed test (it couldn't be loaded) counts as one failure. */
export function countTests(report: VitestReport): TestCounts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    let fileFailures = 0;
    for (const test of file.assertionResults) {
      if (test.status === "passed") counts.passed += 1;
      else if (test.status === "failed") fileFailures += 1;
      else counts.skipped += 1;
    }
    counts.failed += file.status === "failed" ? Math.max(fileFailures, 1) : fileFailures;
  }
  return counts;
}
