import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Customer } from "./customer.ts";

const modules = join(import.meta.dirname, "..", "..", "node_modules");

/** A directory with documents of a chain, as a developer downloads them, in which the clone's packages are found. */
export const takeHome = async (customer: Pick<Customer, "sdk">, chain: string, names: readonly string[]) => {
  const directory = mkdtempSync(join(tmpdir(), "portolan-snippet-"));
  const write = (name: string, content: string): void => writeFileSync(join(directory, name), content, { mode: 0o600 });
  symlinkSync(modules, join(directory, "node_modules"));
  for (const document of names) {
    const { content } = await customer.sdk.documents.get({ params: { chain, document } });
    write(document, content);
  }
  return {
    directory,
    write,
    read: (name: string): string => readFileSync(join(directory, name), "utf8"),
    remove: (): void => rmSync(directory, { recursive: true, force: true }),
  };
};

/** Runs a program of Node's in `directory`, with nothing of the tests' environment but what is given. */
export const runSnippet = (
  directory: string,
  file: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [file, ...args], { cwd: directory, env, timeout: 180_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
