/**
 * Prints why the lockfile would not install elsewhere and exits with 1. npm writes no entry for an optional package that
 * the registry it talked to did not have; `npm ci` then refuses the lockfile on every machine.
 */
import { readFileSync } from "node:fs";
import path from "node:path";

interface Entry {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const file = path.resolve(import.meta.dirname, "..", "package-lock.json");
const entries = (JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, Entry> }).packages;

/** Whether npm would find `name` from the package at `from`: in its own node_modules, or in one above. */
function isFound(from: string, name: string): boolean {
  for (let at = from; ; at = at.includes("/") ? at.slice(0, at.lastIndexOf("/")) : "") {
    if (entries[`${at === "" ? "" : `${at}/`}node_modules/${name}`]) return true;
    if (at === "") return false;
  }
}

let failures = 0;
for (const [key, entry] of Object.entries(entries)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (isFound(key, name)) continue;
    failures += 1;
    console.log(`${key || "package.json"} wants ${name}@${version}, of which the lockfile says nothing: add its entry`);
  }
  if (entry.resolved && !entry.link) {
    failures += 1;
    console.log(`${key} has an address (${entry.resolved}): install with omit-lockfile-registry-resolved=true`);
  }
}
process.exitCode = failures > 0 ? 1 : 0;
