import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { prepareHome, usableHome } from "@portolan/store";
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
  await prepareHome(home.path);
  const probe = home.at(`.write-test-${process.pid}`);
  try {
    await writeFile(probe, "", { mode: 0o600 });
    await rm(probe, { force: true });
    await mkdir(home.at("logs"), { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOTDIR") {
      throw new CliFailure(`${home.path} is not a directory.`, { hint: "Set PORTOLAN_HOME to another path." });
    }
    throw new CliFailure(`Portolan may not write to ${home.path}${code === "" ? "" : ` (${code})`}.`, {
      hint:
        code === "ENOSPC"
          ? "Free some space on its disk, then start again."
          : "Give yourself write permission there, or set PORTOLAN_HOME to a directory that you own.",
      cause: error,
    });
  }
  return home;
};
