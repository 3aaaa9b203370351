import { chmod, copyFile, mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { installHint, type ProgramSet, programSetDirectory, toProgramArchive } from "@portolan/frameworks";
import { hasErrorCode } from "@portolan/kit";
import { CliFailure } from "../failure.ts";
import { type DownloadLimits, downloadFile, type Fetch, toShownUrl } from "./download.ts";
import { extractPrograms } from "./extract.ts";
import { findPublishedDigest } from "./published-digest.ts";
import { readSaidVersion } from "./said-version.ts";

/** Where programs come from. */
export type ProgramSource =
  /** The vendor's release. */
  | { kind: "vendor"; sha256?: string }
  /** The vendor's archive from elsewhere. */
  | { kind: "mirror"; url: string; sha256?: string }
  | { kind: "directory"; path: string };

export interface InstallDeps {
  fetch: Fetch;
  /** Holds one directory for each set and version. */
  programsDir: string;
  /** `<process.platform>-<process.arch>`. */
  platform: string;
  /** Told what takes a while. */
  say: (line: string) => void;
}

export interface InstallRequest {
  set: ProgramSet;
  version: string;
  source: ProgramSource;
}

const mebibyte = 1024 * 1024;
const limits: DownloadLimits = { most: 500 * mebibyte, timeoutMs: 20 * 60_000 };

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() === true;

const absent = (request: InstallRequest, where: string, lacking: readonly string[]): CliFailure => {
  const { set, version } = request;
  return new CliFailure(`${where} lacks ${lacking.join(" and ")}.`, {
    hint: `${set.title} ${version} consists of ${set.programs.join(" and ")}: name the directory that holds them, or their bin.`,
  });
};

/** The directory's programs: all directly in it, or all in its bin. */
const copyPrograms = async (request: InstallRequest, from: string, into: string): Promise<void> => {
  const { set } = request;
  const found = await stat(from).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new CliFailure(`${from} is not a directory that can be read.`, {
      hint: "--from takes a directory that holds the programs, or the URL of an archive.",
    });
  }
  const places = [from, join(from, "bin")];
  const lacking = await Promise.all(
    places.map(async (place) => {
      const has = await Promise.all(set.programs.map((program) => isFile(join(place, program))));
      return set.programs.filter((_, at) => has[at] !== true);
    }),
  );
  const at = lacking.findIndex((names) => names.length === 0);
  const place = places[at];
  if (place === undefined) {
    const least = lacking.reduce((best, names) => (names.length < best.length ? names : best));
    throw absent(request, from, least);
  }
  for (const program of set.programs) await copyFile(join(place, program), join(into, program));
};

/** The archive's programs, once its digest is the right one. */
const fetchPrograms = async (
  deps: InstallDeps,
  request: InstallRequest,
  source: Exclude<ProgramSource, { kind: "directory" }>,
  stage: { into: string; archive: string },
): Promise<void> => {
  const { set, version } = request;
  const archive = toProgramArchive(set, version, deps.platform);
  if (archive === undefined) {
    const message =
      set.archive === undefined
        ? `${set.title} can't be fetched from its vendor: it is installed with --from DIRECTORY.`
        : `${set.title} is not published for ${deps.platform}.`;
    throw new CliFailure(message, {
      hint: set.byHand ?? "Build it from its sources, and install it with --from DIRECTORY.",
    });
  }
  const url = source.kind === "mirror" ? source.url : archive.url;
  const expected = source.sha256 ?? (await findPublishedDigest(deps.fetch, archive));
  deps.say(`Downloading ${toShownUrl(url)} …`);
  const found = await downloadFile(deps.fetch, url, stage.archive, limits);
  if (found !== expected) {
    throw new CliFailure(
      `The SHA-256 of ${toShownUrl(url)} is ${found}, but should be ${expected}: nothing is installed.`,
      {
        hint:
          source.sha256 === undefined
            ? "The archive is damaged or not the vendor's. One of your own making needs its digest: --sha256 HEX."
            : "The archive is not the one whose digest you gave.",
      },
    );
  }
  await extractPrograms(stage.archive, { programs: set.programs, directory: archive.directory, into: stage.into });
  const has = await Promise.all(set.programs.map((program) => isFile(join(stage.into, program))));
  const lacking = set.programs.filter((_, at) => has[at] !== true);
  if (lacking.length > 0) throw absent(request, toShownUrl(url), lacking);
};

const assertVersions = async ({ set, version }: InstallRequest, directory: string): Promise<void> => {
  for (const program of set.programs) {
    const said = await readSaidVersion(set, join(directory, program));
    if ("why" in said) {
      throw new CliFailure(`${program} can't be used: ${said.why} when asked for its version.`, {
        hint: `Take ${set.title} ${version} that is built for this machine (${process.platform}-${process.arch}).`,
      });
    }
    if (said.version !== version) {
      throw new CliFailure(`${program} says that it is version ${said.version}, not ${version}: nothing is installed.`);
    }
  }
};

/** One rename where there is nothing yet; else one for each program, so that a chain that starts now finds one or the other. */
const moveInto = async (set: ProgramSet, staged: string, target: string): Promise<void> => {
  try {
    await rename(staged, target);
  } catch (error) {
    if (!hasErrorCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    for (const program of set.programs) await rename(join(staged, program), join(target, program));
  }
};

const toPlaceFailure = (error: unknown, programsDir: string): unknown => {
  if (error instanceof CliFailure || !hasErrorCode(error, "EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR", "EEXIST")) {
    return error;
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return new CliFailure(`Programs can't be written into ${programsDir} (${code}).`, {
    hint: code === "ENOSPC" ? "Free some space on its disk." : "Set PORTOLAN_PROGRAMS to a directory that you own.",
    cause: error,
  });
};

const assertCopyable = ({ set, version }: InstallRequest): void => {
  if (set.isUnpackedByHand !== true) return;
  throw new CliFailure(`${set.title} is not copied: its programs need what lies around them.`, {
    hint: installHint(set, version),
  });
};

/**
 * Installs the programs of a set, once all of them run and say the wanted version; otherwise nothing is left behind.
 * Gives their paths. Programs that run already keep running.
 * @throws CliFailure that says what to do.
 */
export const installPrograms = async (deps: InstallDeps, request: InstallRequest): Promise<string[]> => {
  const { set, version, source } = request;
  assertCopyable(request);
  const target = join(deps.programsDir, programSetDirectory(set, version));
  let stage: string | undefined;
  try {
    await mkdir(deps.programsDir, { recursive: true, mode: 0o755 });
    // On the same disk as the target, for the rename.
    stage = await mkdtemp(join(deps.programsDir, ".install-"));
    const into = join(stage, "programs");
    await mkdir(into);
    if (source.kind === "directory") await copyPrograms(request, source.path, into);
    else await fetchPrograms(deps, request, source, { into, archive: join(stage, "archive") });
    for (const path of [into, ...set.programs.map((program) => join(into, program))]) await chmod(path, 0o755);
    await assertVersions(request, into);
    await moveInto(set, into, target);
  } catch (error) {
    throw toPlaceFailure(error, deps.programsDir);
  } finally {
    if (stage !== undefined) await rm(stage, { recursive: true, force: true });
  }
  return set.programs.map((program) => join(target, program));
};
