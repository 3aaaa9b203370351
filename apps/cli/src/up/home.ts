import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PostgresProblem, prepareHome, usableHome } from "@portolan/store";
import { CliFailure } from "../failure.ts";

export interface Home {
  path: string;
  /** To be printed: it lies elsewhere than was asked for. */
  notice: string | undefined;
  at(...parts: string[]): string;
}

/** Where the home is or would be; makes nothing. */
export const locateHome = async (wished: string): Promise<Home> => {
  const { path, notice } = await usableHome(wished);
  return { path, notice, at: (...parts) => join(path, ...parts) };
};

/**
 * Makes the home and proves that it can be written.
 * @throws PostgresProblem or CliFailure that says what to do.
 */
export const openHome = async (wished: string): Promise<Home> => {
  const home = await locateHome(wished);
  const probe = home.at(`.write-test-${process.pid}`);
  try {
    await prepareHome(home.path);
    await writeFile(probe, "", { mode: 0o600 });
    await rm(probe, { force: true });
  } catch (error) {
    throw toFailure(error, home.path);
  }
  return home;
};

/** Only when processes are about to write there: a start that is refused before leaves no directory behind. */
export const makeLogDirectory = async (home: Home): Promise<void> => {
  try {
    await mkdir(home.at("logs"), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw toFailure(error, home.at("logs"));
  }
};

const toFailure = (error: unknown, path: string): unknown => {
  if (error instanceof PostgresProblem) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOTDIR" || code === "EEXIST") {
    return new CliFailure(`${path}, or something above it, is not a directory.`, {
      hint: "Set PORTOLAN_HOME to another path.",
      cause: error,
    });
  }
  return new CliFailure(`Portolan may not write to ${path}${code === "" ? "" : ` (${code})`}.`, {
    hint:
      code === "ENOSPC"
        ? "Free some space on its disk, then start again."
        : "Give yourself write permission there, or set PORTOLAN_HOME to a directory that you own.",
    cause: error,
  });
};
