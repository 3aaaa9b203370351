import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A directory of the running test's own, removed when the test ends. */
export const temporaryDirectory = (name: string, parent = tmpdir()): string => {
  const path = mkdtempSync(join(parent, `portolan-${name}-`));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
