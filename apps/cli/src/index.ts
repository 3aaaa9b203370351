export type { CliDeps } from "./context.ts";
export { exitCodes } from "./failure.ts";
export { run } from "./run.ts";
