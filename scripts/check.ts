/** `npm run check`: everything that can be judged without running the product. One line a check; what failed is shown. */
import { spawn } from "node:child_process";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const bin = (...parts: string[]): string => path.join(root, "node_modules", ...parts);

const checks: readonly { readonly name: string; readonly script: string; readonly args: readonly string[] }[] = [
  {
    name: "format and lint",
    script: bin("@biomejs", "biome", "bin", "biome"),
    args: ["check", ".", "--error-on-warnings", "--colors=off"],
  },
  { name: "lockfile", script: path.join(root, "scripts", "check-lockfile.ts"), args: [] },
  { name: "import directions", script: path.join(root, "scripts", "check-imports.ts"), args: [] },
  {
    name: "types",
    script: bin("turbo", "bin", "turbo"),
    args: ["run", "types", "--cache=local:rw", "--output-logs=errors-only", "--continue", "--no-color", "--ui=stream"],
  },
  {
    name: "dead code",
    script: bin("knip", "bin", "knip.js"),
    args: ["--no-progress", "--no-config-hints"],
  },
];

const env = {
  ...process.env,
  DO_NOT_TRACK: "1",
  NO_COLOR: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  TURBO_PRINT_VERSION_DISABLED: "1",
};

function run(script: string, args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  const child = spawn(process.execPath, [script, ...args], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.once("error", (error) => resolve({ code: 1, output: error.message }));
  child.once("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString("utf8").trim() }));
  return promise;
}

const wanted = process.argv.slice(2);
let failures = 0;
for (const check of checks) {
  if (wanted.length > 0 && !wanted.some((word) => check.name.includes(word))) continue;
  const startedAt = performance.now();
  const { code, output } = await run(check.script, check.args);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok    " : "FAILED"}  ${check.name.padEnd(18)} ${seconds.padStart(5)} s`);
  if (code === 0) continue;
  failures += 1;
  console.log(output.replace(/^/gm, "        "));
}
if (failures > 0) console.log(`${failures} of the checks failed. \`npx biome check --write .\` formats.`);
process.exitCode = failures > 0 ? 1 : 0;
