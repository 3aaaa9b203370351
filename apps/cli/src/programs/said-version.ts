import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type ProgramSet, toSaidVersion } from "@portolan/frameworks";

const run = promisify(execFile);

/** `why`: the program can't be started, fails, or names no version. */
export type SaidVersion = { version: string } | { why: string };

const mostOutput = 65_536;

const toReason = (error: unknown): string => {
  if (!(error instanceof Error)) return "unknown failure";
  if ("killed" in error && error.killed === true) return "it did not answer in time";
  const code = "code" in error ? error.code : undefined;
  if (code === "ENOEXEC" || code === "EACCES") return `it is no program for this machine (${code})`;
  return typeof code === "number" ? `it ends with ${code}` : String(code ?? "unknown failure");
};

/** Starts the program as its vendor documents for its version, with nothing of this process's environment. */
export const readSaidVersion = async (set: ProgramSet, path: string, timeoutMs = 20_000): Promise<SaidVersion> => {
  try {
    const { stdout, stderr } = await run(path, [...set.says.args], {
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      maxBuffer: mostOutput,
    });
    const version = toSaidVersion(set, `${stdout}\n${stderr}`);
    return version === undefined ? { why: "it names no version" } : { version };
  } catch (error) {
    return { why: toReason(error) };
  }
};
