/**
 * `npm test`: the whole suite, or what the arguments say (they go to vitest as they are). The last line counts:
 * `N passed, N failed, N skipped`.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { countTests } from "./count-tests.ts";

const root = path.resolve(import.meta.dirname, "..");
const scratch = mkdtempSync(path.join(tmpdir(), "portolan-vitest-"));
const report = path.join(scratch, "report.json");

const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
const child = spawn(
  process.execPath,
  [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
// Vitest stops its own workers and servers; this only must not leave before it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once("error", (error) => finish(1, error.message));
child.once("exit", (code, signal) => finish(code ?? 1, signal ? `vitest was stopped by ${signal}` : undefined));

function finish(code: number, trouble: string | undefined): void {
  const counts = readCounts();
  rmSync(scratch, { recursive: true, force: true });
  if (trouble) console.log(trouble);
  if (!counts && !trouble) console.log("vitest wrote no report; its output above says why");
  const { passed, failed, skipped } = counts ?? { passed: 0, failed: 1, skipped: 0 };
  process.exitCode = code !== 0 || failed > 0 ? Math.max(code, 1) : 0;
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
}

function readCounts(): ReturnType<typeof countTests> | undefined {
  try {
    return countTests(JSON.parse(readFileSync(report, "utf8")));
  } catch {
    return undefined;
  }
}
