export { createProcessRuntime, type ProcessRuntimeSettings } from "./process-runtime.ts";
export { createProgramFinder, defaultPrograms, type ProgramFinder, type ProgramFinderSettings } from "./programs.ts";
export { findRunUser, isReachable, type RunUser } from "./run-user.ts";
