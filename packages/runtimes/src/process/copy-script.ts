import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";

/** The directory of the package that a file belongs to. */
const packageOf = (file: string): string => {
  for (let directory = dirname(file); ; directory = dirname(directory)) {
    if (existsSync(join(directory, "package.json"))) return directory;
    if (directory === dirname(directory)) throw new Error(`${file} belongs to no package`);
  }
};

const membersOf = (value: unknown): string[] => (typeof value === "object" && value !== null ? Object.keys(value) : []);

const dependenciesOf = (directory: string): string[] => {
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as { [member: string]: unknown };
  return ["dependencies", "optionalDependencies", "peerDependencies"].flatMap((member) => membersOf(manifest[member]));
};

/** Where Node would find a package: in the `node_modules` of the directory or of one above it. */
const findPackage = (from: string, name: string): string | undefined => {
  for (let directory = from; ; directory = dirname(directory)) {
    const found = join(directory, "node_modules", name);
    if (basename(directory) !== "node_modules" && existsSync(join(found, "package.json"))) return found;
    if (directory === dirname(directory)) return undefined;
  }
};

/** A package and all that it depends on, as directories. What is optional and not there is left out. */
const closureOf = (own: string): string[] => {
  const found = new Set([own]);
  for (const directory of found) {
    for (const name of dependenciesOf(directory)) {
      const dependency = findPackage(directory, name);
      if (dependency !== undefined) found.add(dependency);
    }
  }
  return [...found].sort();
};

const commonRoot = (directories: readonly string[]): string => {
  const paths = directories.map((directory) => directory.split(sep));
  const [first = []] = paths;
  const end = first.findIndex((part, index) => paths.some((path) => path[index] !== part));
  return first.slice(0, end === -1 ? first.length - 1 : end).join(sep) || sep;
};

/** Changes when a package is installed anew, or a file of the program's own package changes. */
const toKey = (own: string, directories: readonly string[]): string => {
  const hash = createHash("sha256");
  const add = (path: string): void => {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path}\n${size}\n${mtimeMs}\n`);
  };
  for (const directory of directories) add(join(directory, "package.json"));
  for (const entry of readdirSync(own, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && !entry.parentPath.includes("node_modules")) add(join(entry.parentPath, entry.name));
  return hash.digest("hex").slice(0, 16);
};

const openToAll = (path: string): void => {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return;
  chmodSync(path, stats.isDirectory() ? 0o755 : 0o644);
  if (stats.isDirectory()) for (const entry of readdirSync(path)) openToAll(join(path, entry));
};

/**
 * Copies a Node package with all that it depends on below `programs`, laid out as it was, so that Node finds the same
 * modules; once for each state of them. Returns the script's path in the copy. What it does not copy: tests' folders
 * and links.
 */
export const copyScript = (script: string, programs: string): string => {
  const own = packageOf(script);
  const directories = closureOf(own);
  const root = commonRoot(directories);
  const copy = join(programs, `${basename(own)}-${toKey(own, directories)}`);
  if (!existsSync(copy)) {
    const temporary = `${copy}.tmp-${process.pid}`;
    rmSync(temporary, { recursive: true, force: true });
    for (const directory of directories) {
      const skipped = new Set([join(directory, "node_modules"), join(directory, "test")]);
      const filter = (source: string): boolean => !skipped.has(source) && !lstatSync(source).isSymbolicLink();
      cpSync(directory, join(temporary, relative(root, directory)), { recursive: true, filter });
    }
    mkdirSync(programs, { recursive: true, mode: 0o755 });
    openToAll(temporary);
    renameSync(temporary, copy);
  }
  return join(copy, relative(root, script));
};
