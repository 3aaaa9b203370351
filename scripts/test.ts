/**
 * `npm test`: the whole suite, or what the arguments say (they go to vitest as they are). The last line counts:
 * `N passed, N failed, N skipped`; before it stand what failed and what passed only on a second run, a line each.
 *
 * `PORTOLAN_TEST_AGAIN=N` (0 to 10, 0 unless said): when at most N files failed, those are run once more, each with
 * everything it starts made anew. More failures than that are no accident of a busy machine.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { countTests, failedFiles, failureLines, mergeReports } from "./count-tests.ts";

type Report = Parameters<typeof countTests>[0];

const root = path.resolve(import.meta.dirname, "..");
const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
const again = Number(process.env["PORTOLAN_TEST_AGAIN"] ?? 0);
if (!Number.isInteger(again) || again < 0 || again > 10) {
  console.error("PORTOLAN_TEST_AGAIN is a number of files, 0 to 10");
  process.exit(2);
}

let child: ReturnType<typeof spawn> | undefined;
let stopped = false;
// Vitest stops its own workers and servers; this only must not leave before it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    stopped = true;
    if (signal !== "SIGINT" || !process.stdin.isTTY) child?.kill(signal);
  });
}

const first = await run(process.argv.slice(2));
let { code, report } = first;
const failures = report === undefined ? [] : failedFiles(report);
if (report !== undefined && !stopped && failures.length > 0 && failures.length <= again) {
  const lines = failureLines(report);
  console.log(`\n${failures.length} of the files failed and run once more:\n${lines.join("\n")}\n`);
  const second = await run(failures);
  if (second.report !== undefined) {
    report = mergeReports(report, second.report);
    code = second.code;
    const still = new Set(failedFiles(report));
    for (const file of failures) if (!still.has(file)) console.log(`passed only on the second run: ${file}`);
  }
}
if (report === undefined) console.log(first.trouble ?? "vitest wrote no report; its output above says why");
else for (const line of failureLines(report)) console.log(`failed: ${line}`);
const { passed, failed, skipped } = report ? countTests(report) : { passed: 0, failed: 1, skipped: 0 };
process.exitCode = code !== 0 || failed > 0 ? Math.max(code, 1) : 0;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);

async function run(args: readonly string[]): Promise<{ code: number; report?: Report; trouble?: string | undefined }> {
  const scratch = mkdtempSync(path.join(tmpdir(), "portolan-vitest-"));
  const file = path.join(scratch, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  try {
    child = spawn(process.execPath, [vitest, "run", ...reporters, ...args], { cwd: root, stdio: "inherit" });
    const [code, signal] = await once(child, "exit");
    if (signal) return { code: 1, trouble: `vitest was stopped by ${signal}` };
    return { code, report: JSON.parse(readFileSync(file, "utf8")) };
  } catch (error) {
    return { code: 1, trouble: error instanceof SyntaxError || isAbsent(error) ? undefined : String(error) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
