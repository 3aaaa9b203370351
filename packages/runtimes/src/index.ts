export type { DriverDeps, DriverFlag, FlagValues, RegionFinding } from "./driver.ts";
export * from "./process/index.ts";
export { type DeclaredRegion, readRegionsFile, runtimeOf, writeRegionsFile } from "./regions-file.ts";
export { checkRuntime, createRuntime, demandSettings, runtimeFlags, runtimeFromFlags } from "./registry.ts";
export * from "./runtime.ts";
