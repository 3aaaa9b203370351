import type { Framework } from "./framework.ts";
import type { ProgramSet } from "./program-set.ts";
import { frameworks } from "./registry.ts";

/** The vendor's archive for one version and platform. */
export interface ProgramArchive {
  url: string;
  /** Name of the file, as the release lists it. */
  file: string;
  /** Address of the vendor's release, which lists the archive with its digest. */
  release: string;
  /** Lower-case hex; absent: the release says it. */
  sha256?: string;
  directory: string;
}

/** Everything that `portolan programs install` can install. */
export const programSets: readonly ProgramSet[] = Object.values<Framework>(frameworks).flatMap(
  ({ programs }) => programs ?? [],
);

export const findProgramSet = (name: string): ProgramSet | undefined => programSets.find((set) => set.name === name);

/** The set that a program of this version is installed with. */
export const programSetOf = (program: { name: string; version: string }): ProgramSet | undefined =>
  programSets.find(
    (set) => set.programs.includes(program.name) && set.versions.some(({ version }) => version === program.version),
  );

export const defaultVersionOf = (set: ProgramSet): string => {
  const chosen = set.versions.find(({ isDefault }) => isDefault) ?? set.versions[0];
  if (chosen === undefined) throw new Error(`the program set ${set.name} has no version`);
  return chosen.version;
};

/** What is to be done about a program that ended with these words because of something that the machine has not. */
export const findLack = (words: string): string | undefined =>
  programSets.find(({ lacks }) => lacks?.says.test(words) === true)?.lacks?.hint;

/** Directory of a set below the programs' directory. */
export const programSetDirectory = (set: Pick<ProgramSet, "name">, version: string): string => `${set.name}-${version}`;

/** The command that installs it, as a hint says it; what can't be fetched is taken from a directory. */
export const installCommand = (set: Pick<ProgramSet, "name" | "archive">, version: string): string =>
  `npm run portolan -- programs install ${set.name}@${version}${set.archive === undefined ? " --from DIRECTORY" : ""}`;

/** How it gets there: by the command, where Portolan can; and from whom, where the programs can't be fetched. */
export const installHint = (
  set: Pick<ProgramSet, "name" | "archive" | "byHand" | "isUnpackedByHand">,
  version: string,
): string => {
  const how =
    set.isUnpackedByHand === true
      ? `Unpack it whole as ${programSetDirectory(set, version)} in the programs' directory (PORTOLAN_PROGRAMS, by default ~/.portolan/programs).`
      : `Install it: ${installCommand(set, version)}.`;
  return [set.byHand, how].filter((part) => part !== undefined).join(" ");
};

/** Undefined where the vendor publishes nothing for the platform (`linux-x64`), or nothing that Portolan can fetch. */
export const toProgramArchive = (set: ProgramSet, version: string, platform: string): ProgramArchive | undefined => {
  const { archive } = set;
  const word = archive?.platforms[platform];
  if (archive === undefined || word === undefined) return undefined;
  const fill = (template: string): string => template.replaceAll("{version}", version).replaceAll("{platform}", word);
  const url = fill(archive.url);
  const sha256 = set.versions.find((each) => each.version === version)?.sha256[platform];
  return {
    url,
    file: url.slice(url.lastIndexOf("/") + 1),
    release: fill(archive.release),
    directory: archive.directory,
    ...(sha256 === undefined ? {} : { sha256 }),
  };
};

/** The version that a program's own words name; undefined when they name none. */
export const toSaidVersion = (set: ProgramSet, output: string): string | undefined =>
  set.says.version.exec(output)?.[1];
