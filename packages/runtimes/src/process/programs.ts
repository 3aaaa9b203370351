import { createHash } from "node:crypto";
import { accessSync, chmodSync, constants, copyFileSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProgramSpec } from "@portolan/domain";
import { installHint, programSetDirectory, programSetOf } from "@portolan/frameworks";
import { type Failure, NodeFailure } from "../node-failure.ts";
import { copyScript } from "./copy-script.ts";
import { isReachable, type RunUser } from "./run-user.ts";

/** What is started: an executable, and for a script of a Node package the script, which this process' Node runs. */
export interface FoundProgram {
  path: string;
  script?: string;
  /** It needs what lies around it, so that a copy of it alone is of no use. */
  isWhole?: true;
}

/** Finds the executable of a program. */
export interface ProgramFinder {
  /** Where it is, or why there is none and how to get it. */
  find(program: Pick<ProgramSpec, "name" | "version">): FoundProgram | { missing: Failure };
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** npm's own names of architectures → Foundry's. */
const foundryArchitectures: { readonly [arch: string]: string } = { x64: "amd64", arm64: "arm64" };

/** npm's platform package with anvil's native binary: the wrapper script would start in twice the time. */
const findAnvilPackage = (): string | undefined => {
  const arch = foundryArchitectures[process.arch];
  if (arch === undefined) return undefined;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  try {
    return fileURLToPath(import.meta.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
};

const findAnvil = (): string | undefined => {
  const manifest = findAnvilPackage();
  return manifest === undefined ? undefined : join(dirname(manifest), "bin", "anvil");
};

const versionOfAnvil = (): string | undefined => {
  const manifest = findAnvilPackage();
  if (manifest === undefined) return undefined;
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version?: unknown };
  return typeof version === "string" ? version : undefined;
};

const isReadable = (path: string): boolean => {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** The script that a Node package in `directory` gives under the name of a program (`bin` of its package.json). */
const scriptIn = (directory: string, name: string): string | undefined => {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    const bin = typeof manifest === "object" && manifest !== null && "bin" in manifest ? manifest.bin : undefined;
    const entry = Object.entries(typeof bin === "object" && bin !== null ? bin : {}).find(([key]) => key === name)?.[1];
    const script = typeof entry === "string" ? join(directory, entry) : undefined;
    return script !== undefined && isReadable(script) ? script : undefined;
  } catch {
    return undefined;
  }
};

/** A program of a package that is installed with this one, by the package's name. */
const findScript = (packageName: string, name: string): string | undefined => {
  try {
    return scriptIn(dirname(fileURLToPath(import.meta.resolve(`${packageName}/package.json`))), name);
  } catch {
    return undefined;
  }
};

/** Paths of executables, or of scripts: a `.js` or `.ts` file is run by this process' Node. */
export const defaultPrograms: { readonly [name: string]: () => string | undefined } = {
  anvil: findAnvil,
  node: () => process.execPath,
  "chaincode-asset-transfer": () => findScript("@portolan/chaincode-asset-transfer", "chaincode-asset-transfer"),
  "chaincode-token": () => findScript("@portolan/chaincode-token", "chaincode-token"),
};

/** Versions of those that are of one version only: another that is wanted is not this program. */
export const defaultProgramVersions: { readonly [name: string]: () => string | undefined } = { anvil: versionOfAnvil };

const isScript = (path: string): boolean => /\.[cm]?[jt]s$/.test(path);

const hints: { readonly [name: string]: string } = {
  anvil:
    "Run npm install again without --omit=optional: anvil comes with the package @foundry-rs/anvil for your platform.",
  geth: "Install it with Go: go install github.com/ethereum/go-ethereum/cmd/geth@latest, and put it on the PATH.",
};

export interface ProgramFinderSettings {
  /** Directories, as in PATH. Empty: only bundled programs and `programsDir`. */
  searchPath: string;
  /**
   * Holds `<name>-<version>/<name>` or `<name>-<version>/bin/<name>`, where the name is the program's, or that of the set
   * that it is installed with; or `<name>-<version>/package.json` of a Node package with a `bin` of that name, whose
   * script is run with this process' Node. Default `~/.portolan/programs`.
   */
  programsDir?: string;
  /** Programs that came with the installation; first choice. */
  bundled?: { readonly [name: string]: () => string | undefined };
  /** What version those are, where that matters. Default: those of the default programs. */
  bundledVersions?: { readonly [name: string]: () => string | undefined };
}

/**
 * Looks among the bundled programs, on the search path, then in the programs' directory. Installed sets come before the
 * search path, because they are of the wanted version for certain.
 */
export const createProgramFinder = (settings: ProgramFinderSettings): ProgramFinder => {
  const programsDir = settings.programsDir ?? join(homedir(), ".portolan", "programs");
  const bundled = settings.bundled ?? defaultPrograms;
  const bundledVersions = settings.bundledVersions ?? (settings.bundled === undefined ? defaultProgramVersions : {});
  const directories = settings.searchPath.split(delimiter).filter((directory) => directory.startsWith("/"));
  return {
    find: ({ name, version }) => {
      const set = programSetOf({ name, version });
      const own = join(programsDir, set === undefined ? `${name}-${version}` : programSetDirectory(set, version));
      const inOwn = [join(own, name), join(own, "bin", name)];
      const bundledVersion = bundledVersions[name]?.();
      // What came along is of another version, and of what lies on the path nobody knows which it is.
      const isOther = bundledVersion !== undefined && bundledVersion !== version;
      const places = isOther
        ? inOwn
        : [
            bundled[name]?.(),
            ...(set === undefined ? [] : inOwn),
            ...directories.map((directory) => join(directory, name)),
            ...inOwn,
          ];
      // A name with a separator would leave these directories.
      const isPlain = /^[\w.-]+$/.test(name);
      const isThere = (place: string | undefined): place is string =>
        place !== undefined && (isScript(place) ? isReadable(place) : isExecutable(place));
      const path = isPlain ? (places.find(isThere) ?? scriptIn(own, name)) : undefined;
      if (path !== undefined && isScript(path)) return { path: process.execPath, script: path };
      if (path !== undefined) return set?.isUnpackedByHand === true ? { path, isWhole: true } : { path };
      const install = set && installHint(set, version);
      if (isOther) {
        const message = `The program ${name} is here in version ${bundledVersion}, not ${version}.`;
        const hint = `Place ${name} ${version} at ${join(own, name)}, or choose a version whose program is here.`;
        return { missing: { reason: "program_missing", message, hint } };
      }
      const wanted = install ?? hints[name] ?? `Put ${name} ${version} on the worker's PATH.`;
      // What needs its surroundings is of no use alone.
      const hint =
        set?.isUnpackedByHand === true
          ? `${wanted} Here that is ${own}.`
          : `${wanted} Or place it at ${join(own, name)}.`;
      return { missing: { reason: "program_missing", message: `The program ${name} is not on this machine.`, hint } };
    },
  };
};

/** A script needs the modules around it: where the run user can't read them, all of them are copied below the home. */
const toReachableScript = (script: string, programs: string, user: RunUser | undefined): string =>
  user === undefined || isReachable(dirname(script), user) ? script : copyScript(script, programs);

/** What to start, for the run user. Throws `NodeFailure` where there is no way to it. */
export const toReachable = (found: FoundProgram, programs: string, user: RunUser | undefined): FoundProgram => {
  if (found.isWhole === true && user !== undefined && !isReachable(found.path, user))
    throw new NodeFailure({
      reason: "program_unreachable",
      message: `The user ${user.name}, that programs run as, can't reach ${found.path}.`,
      hint: "Set PORTOLAN_PROGRAMS to a directory whose parents everybody may enter, e.g. /opt/portolan/programs, and move it there.",
    });
  return {
    path: toReachableProgram(found.path, programs, user),
    ...(found.script === undefined ? {} : { script: toReachableScript(found.script, programs, user) }),
  };
};

/** A path that the run user may execute: the program's own, or that of a copy made once below the home. */
const toReachableProgram = (path: string, programs: string, user: RunUser | undefined): string => {
  if (user === undefined || isReachable(path, user)) return path;
  const { size, mtimeMs } = statSync(path);
  const key = createHash("sha256").update(`${path}\n${size}\n${mtimeMs}`).digest("hex").slice(0, 16);
  const copy = join(programs, `${path.slice(path.lastIndexOf("/") + 1)}-${key}`);
  if (!isExecutable(copy)) {
    mkdirSync(programs, { recursive: true, mode: 0o755 });
    const temporary = `${copy}.tmp-${process.pid}`;
    copyFileSync(path, temporary);
    chmodSync(temporary, 0o755);
    renameSync(temporary, copy);
  }
  if (isReachable(copy, user)) return copy;
  throw new NodeFailure({
    reason: "home_unreachable",
    message: `The user ${user.name}, that programs run as, can't enter the data directory.`,
    hint: "Choose a data directory whose parents everybody may enter, e.g. /var/lib/portolan, or run as another user than root.",
  });
};
