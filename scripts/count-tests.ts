interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface VitestReport {
  readonly testResults: readonly VitestFile[];
}

interface VitestFile {
  /** The file's absolute path. */
  readonly name: string;
  readonly status: string;
  /** Why the file could not be run, where it could not. */
  readonly message?: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages?: readonly string[] | null;
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

/** The paths of the files with a failure. */
export function failedFiles(report: VitestReport): string[] {
  return report.testResults.filter((file) => countTests({ testResults: [file] }).failed > 0).map((file) => file.name);
}

/** A line for each failure: the test and the first line of what it said. */
export function failureLines(report: VitestReport): string[] {
  return report.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0 && file.status === "failed") return [`${file.name}: ${firstLine(file.message)}`];
    return failed.map((test) => `${file.name} > ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`);
  });
}

/** The report with the files of a later run in the place of their earlier results. */
export function mergeReports(earlier: VitestReport, later: VitestReport): VitestReport {
  const again = new Map(later.testResults.map((file) => [file.name, file]));
  return { testResults: earlier.testResults.map((file) => again.get(file.name) ?? file) };
}

const firstLine = (text: string | undefined): string => (text ?? "").split("\n", 1)[0] ?? "";
