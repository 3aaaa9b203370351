import { listPrograms, type ProgramState } from "../programs/inventory.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const toFinding = ({ program, title, version, state, path = "", problem = "", install }: ProgramState): Finding => {
  if (state === "installed") return ok(program, `${title} ${version}: ${path}`);
  // Not everybody wants such chains.
  if (state === "missing")
    return note(program, `${title} ${version} is not on this machine; its chains need it.`, install);
  return wrong(program, `${path} is not ${title} ${version}: ${problem}.`, install);
};

/** Each program of the catalogue: whether it is found, where, and whether it is of the wanted version. */
export const checkPrograms = async (programsDir: string, searchPath?: string): Promise<Finding[]> =>
  (await listPrograms(programsDir, searchPath)).map(toFinding);
