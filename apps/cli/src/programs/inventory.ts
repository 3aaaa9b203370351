import { installCommand, installHint, type ProgramSet, programSets } from "@portolan/frameworks";
import { createProgramFinder } from "@portolan/runtimes";
import { readSaidVersion } from "./said-version.ts";

/** A program that Portolan can install, as this machine has it. */
export interface ProgramState {
  set: string;
  title: string;
  version: string;
  program: string;
  /** `wrong`: it does not run here, or says another version. */
  state: "installed" | "missing" | "wrong";
  /** What a worker on this machine would start. */
  path?: string;
  /** Of `wrong`. */
  problem?: string;
  /** The command that installs its set; where it can't be fetched, also from whom to get it. */
  install: string;
}

/** As the worker looks: its PATH, then the directory. */
const workerPath = "/usr/local/bin:/usr/bin:/bin";

const look = async (
  set: ProgramSet,
  version: string,
  program: string,
  settings: { programsDir: string; searchPath: string },
): Promise<ProgramState> => {
  const base = {
    set: set.name,
    title: set.title,
    version,
    program,
    install: set.archive === undefined ? installHint(set, version) : installCommand(set, version),
  };
  const found = createProgramFinder(settings).find({ name: program, version });
  if ("missing" in found) return { ...base, state: "missing" };
  const said = await readSaidVersion(set, found.path);
  if ("why" in said) return { ...base, state: "wrong", path: found.path, problem: said.why };
  if (said.version === version) return { ...base, state: "installed", path: found.path };
  return { ...base, state: "wrong", path: found.path, problem: `it says that it is version ${said.version}` };
};

/** Every program of the catalogue, in its order. */
export const listPrograms = (programsDir: string, searchPath: string = workerPath): Promise<ProgramState[]> =>
  Promise.all(
    programSets.flatMap((set) =>
      set.versions.flatMap(({ version }) =>
        set.programs.map((program) => look(set, version, program, { programsDir, searchPath })),
      ),
    ),
  );
