/** Prints what breaks the import rules of this repository and exits with 1 if anything does. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { judgeImports, type SourceFile, type Workspace } from "./import-rules.ts";

const root = path.resolve(import.meta.dirname, "..");
const skipped = new Set(["node_modules", "dist", "generated", ".turbo", ".portolan"]);

function sourceFiles(dir: string): SourceFile[] {
  return readdirSync(path.join(root, dir), { withFileTypes: true }).flatMap((entry): SourceFile[] => {
    const relative = `${dir}/${entry.name}`;
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : sourceFiles(relative);
    if (!/\.(ts|tsx|mts)$/.test(entry.name)) return [];
    return [{ path: relative, text: readFileSync(path.join(root, relative), "utf8") }];
  });
}

interface Manifest {
  readonly name: string;
  readonly exports?: Record<string, string>;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const manifestOf = (dir: string): Manifest =>
  JSON.parse(readFileSync(path.join(root, dir, "package.json"), "utf8")) as Manifest;

function workspaceDirs(patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => {
    if (!pattern.endsWith("/*")) return [pattern];
    const parent = pattern.slice(0, -2);
    return readdirSync(path.join(root, parent))
      .map((name) => `${parent}/${name}`)
      .filter((dir) => statSync(path.join(root, dir, "package.json"), { throwIfNoEntry: false }));
  });
}

const rootManifest = manifestOf(".");
const workspaces = workspaceDirs(rootManifest.workspaces ?? []).map((dir): Workspace => {
  const manifest = manifestOf(dir);
  return {
    dir,
    name: manifest.name,
    subpaths: new Set(Object.keys(manifest.exports ?? {}).map((entry) => entry.replace(/^\.\/?/, ""))),
    dependencies: new Set(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })),
    devDependencies: new Set(Object.keys(manifest.devDependencies ?? {})),
  };
});
const files = workspaces.flatMap((workspace) => sourceFiles(workspace.dir));
const violations = judgeImports(workspaces, files, new Set(Object.keys(rootManifest.devDependencies ?? {})));
for (const violation of violations) console.log(violation);
process.exitCode = violations.length > 0 ? 1 : 0;
