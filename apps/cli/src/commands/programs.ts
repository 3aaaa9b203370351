import { resolve } from "node:path";
import { defaultVersionOf, findProgramSet, type ProgramSet, programSets } from "@portolan/frameworks";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { writeLine } from "../output.ts";
import type { Fetch } from "../programs/download.ts";
import { installPrograms, type ProgramSource } from "../programs/install.ts";
import { listPrograms } from "../programs/inventory.ts";

type Open = (command: Command) => Context;

interface InstallFlags {
  from?: string;
  sha256?: string;
}

const wrongUsage = (message: string, hint?: string): CliFailure =>
  new CliFailure(message, { exitCode: exitCodes.usage, ...(hint === undefined ? {} : { hint }) });

/** `name` or `name@version`. @throws CliFailure (usage) when the catalogue has none such. */
const parseWish = (wish: string): { set: ProgramSet; version: string } => {
  const [, name = "", asked] = /^([^@]*)(?:@(.*))?$/.exec(wish) ?? [];
  const set = findProgramSet(name);
  const listed = programSets.flatMap((each) => each.versions.map(({ version }) => `${each.name}@${version}`));
  if (set === undefined || (asked !== undefined && set.versions.every(({ version }) => version !== asked))) {
    throw wrongUsage(`${wish} can't be installed.`, `There is: ${listed.join(", ")}.`);
  }
  return { set, version: asked ?? defaultVersionOf(set) };
};

const parseDigest = (text: string | undefined): { sha256?: string } => {
  if (text === undefined) return {};
  const sha256 = text.replace(/^sha256:/, "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw wrongUsage("--sha256 takes 64 hexadecimal digits.");
  return { sha256 };
};

/** @throws CliFailure (usage). */
const parseSource = ({ from, sha256 }: InstallFlags): ProgramSource => {
  const digest = parseDigest(sha256);
  if (from === undefined) return { kind: "vendor", ...digest };
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(from)) {
    if (sha256 !== undefined) throw wrongUsage("--sha256 is the digest of an archive; a directory has none.");
    return { kind: "directory", path: resolve(from) };
  }
  const url = URL.parse(from);
  if (url === null || !["https:", "http:"].includes(url.protocol)) {
    throw wrongUsage("--from takes a directory, or an address that begins with https:// or http://.");
  }
  // It would be sent nowhere, but end in messages.
  if (url.username !== "" || url.password !== "") throw wrongUsage("--from takes no address with a user or password.");
  return { kind: "mirror", url: url.href, ...digest };
};

const install = async (context: Context, fetch: Fetch, wish: string, flags: InstallFlags): Promise<void> => {
  const request = { ...parseWish(wish), source: parseSource(flags) };
  const deps = {
    fetch,
    programsDir: context.config.programsDir,
    platform: `${process.platform}-${process.arch}`,
    say: (line: string) => writeLine(context.screen.err, line),
  };
  const paths = await installPrograms(deps, request);
  const { set, version } = request;
  const rows = set.programs.map((program, at) => ({ program, version, path: paths[at] }));
  context.print({ set: set.name, version, programs: rows }, rows, ["program", "version", "path"]);
};

const list = async (context: Context): Promise<void> => {
  const items = await listPrograms(context.config.programsDir);
  const rows = items.map(({ install: _below, ...item }) => item);
  context.print(items, rows, ["set", "version", "program", "state", "path", "problem"]);
  if (context.isJson) return;
  // Sentences would make the table as wide as themselves, and they are the same for all programs of a set.
  const hints = items.flatMap(({ state, set, version, install: how }) =>
    state === "installed" ? [] : [`${set} ${version}: ${how}`],
  );
  for (const hint of new Set(hints)) writeLine(context.screen.out, `\n${hint}`);
};

/** Programs of vendors on this machine; no call of the API. */
export const addProgramCommands = (program: Command, open: Open, fetch: Fetch): void => {
  const programs = program.command("programs").description("vendors' programs that chains run on this machine");
  programs
    .command("list")
    .description("what can be installed, and what of it is here")
    .action((_: unknown, command: Command) => list(open(command)));
  programs
    .command("install <name@version>")
    .description("install a vendor's programs into PORTOLAN_PROGRAMS, default ~/.portolan/programs")
    .option("--from <place>", "a directory that holds them, or the URL of the vendor's archive on a mirror")
    .option("--sha256 <hex>", "digest of the archive; default the vendor's published one")
    .action((wish: string, flags: InstallFlags, command: Command) => install(open(command), fetch, wish, flags));
};
