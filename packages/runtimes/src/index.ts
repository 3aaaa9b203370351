export * from "./process/index.ts";
export * from "./runtime.ts";
