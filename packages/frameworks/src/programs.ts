import { fabricPrograms } from "./fabric/programs.ts";

export interface ProgramSetVersion {
  version: string;
  isDefault: boolean;
  /** SHA-256 (hex) of the vendor's archive by platform (`linux-x64`), where known; else the vendor's release is asked. */
  sha256: { readonly [platform: string]: string };
}

/** Programs of one vendor that are installed together, into `<programs directory>/<name>-<version>/`. */
export interface ProgramSet {
  name: string;
  title: string;
  /** Names of the executables that Portolan runs; nothing else is installed. */
  programs: readonly string[];
  versions: readonly ProgramSetVersion[];
  /** How each program says its version: what it is started with, and a pattern whose first group is the version. */
  says: { args: readonly string[]; version: RegExp };
  /** Templates: `{version}` and `{platform}` are filled in. */
  archive: {
    /** A gzipped tar archive. */
    url: string;
    /** GitHub's "get a release by tag name", whose assets carry a `digest`. */
    release: string;
    /** `<process.platform>-<process.arch>` → the vendor's word for it. */
    platforms: { readonly [platform: string]: string };
    /** Directory inside the archive that holds the programs. */
    directory: string;
  };
}

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

/** Everything that `portolan programs install` can install. One line a set. */
export const programSets: readonly ProgramSet[] = [fabricPrograms];

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

/** Directory of a set below the programs' directory. */
export const programSetDirectory = (set: Pick<ProgramSet, "name">, version: string): string => `${set.name}-${version}`;

/** The command that installs it, as a hint says it. */
export const installCommand = (set: Pick<ProgramSet, "name">, version: string): string =>
  `npm run portolan -- programs install ${set.name}@${version}`;

/** Undefined where the vendor publishes nothing for the platform (`linux-x64`). */
export const toProgramArchive = (set: ProgramSet, version: string, platform: string): ProgramArchive | undefined => {
  const word = set.archive.platforms[platform];
  if (word === undefined) return undefined;
  const fill = (template: string): string => template.replaceAll("{version}", version).replaceAll("{platform}", word);
  const url = fill(set.archive.url);
  const sha256 = set.versions.find((each) => each.version === version)?.sha256[platform];
  return {
    url,
    file: url.slice(url.lastIndexOf("/") + 1),
    release: fill(set.archive.release),
    directory: set.archive.directory,
    ...(sha256 === undefined ? {} : { sha256 }),
  };
};

/** The version that a program's own words name; undefined when they name none. */
export const toSaidVersion = (set: ProgramSet, output: string): string | undefined =>
  set.says.version.exec(output)?.[1];
