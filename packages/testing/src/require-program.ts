import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import {
  defaultVersionOf,
  findProgramSet,
  installCommand,
  type ProgramSet,
  programSetDirectory,
} from "@portolan/frameworks";
import { builtProgramsDirectory } from "./cluster/programs.ts";
import { missing } from "./missing.ts";

/** How to get what a suite may need. */
const hints: Record<string, string> = {
  "redis-server": "apt-get install redis-server (any Redis or Valkey from 6.2)",
  chromium: "apt-get install chromium",
  go: "https://go.dev/dl",
  kubeconform: "node test/cluster/programs/build.ts (needs Go 1.25)",
  "kube-score": "node test/cluster/programs/build.ts (needs Go 1.25)",
  nginx: "apt-get install nginx",
};

/**
 * The path of a program that a suite needs, or undefined after saying so in one line. A test run that must not skip it
 * lists it (its own name, or `feature`) in PORTOLAN_REQUIRE, comma-separated, and fails here.
 */
export function requireProgram(name: string, feature: string = name): string | undefined {
  const found = findProgram(name);
  if (found !== undefined) return found;
  const hint = hints[name] ?? "put it on the PATH, or its directory into PORTOLAN_PROGRAMS";
  return missing([name, feature], `${name} was not found: ${hint}`);
}

/** Programs of a set that were found together. */
export interface RequiredPrograms {
  version: string;
  directory: string;
  /** Each of the set's programs → its path. */
  paths: { readonly [program: string]: string };
}

/**
 * All programs of a set (`fabric`) in the version, default the set's: where `portolan programs install` puts them
 * (PORTOLAN_PROGRAMS, else `~/.portolan/programs`), or in PORTOLAN_PROGRAMS itself. Undefined after saying so in one
 * line; a failure where PORTOLAN_REQUIRE lists the set, one of its programs, or `all`.
 */
export function requireProgramSet(name: string, version?: string): RequiredPrograms | undefined {
  const set = findProgramSet(name);
  if (set === undefined) throw new Error(`no set of programs is called ${name}`);
  const wanted = version ?? defaultVersionOf(set);
  const own = process.env["PORTOLAN_PROGRAMS"] ?? "";
  const installed = join(own === "" ? join(homedir(), ".portolan", "programs") : own, programSetDirectory(set, wanted));
  for (const directory of [installed, join(installed, "bin"), ...(own === "" ? [] : [own])]) {
    const paths = pathsIn(directory, set);
    if (paths !== undefined) return { version: wanted, directory, paths };
  }
  const sentence = `${set.title} ${wanted} (${set.programs.join(", ")}) was not found in ${installed}: ${installCommand(set, wanted)}`;
  return missing([name, ...set.programs], sentence);
}

const pathsIn = (directory: string, set: ProgramSet): RequiredPrograms["paths"] | undefined => {
  const paths = set.programs.map((program) => [program, join(directory, program)] as const);
  return paths.every(([, path]) => isExecutable(path)) ? Object.fromEntries(paths) : undefined;
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

function findProgram(name: string): string | undefined {
  const places = [
    process.env["PORTOLAN_PROGRAMS"] ?? "",
    ...(process.env["PATH"] ?? "").split(delimiter),
    // What is built with the test cluster's programs.
    builtProgramsDirectory(),
  ];
  return places
    .filter((place) => place !== "")
    .map((place) => join(place, name))
    .find(isExecutable);
}
