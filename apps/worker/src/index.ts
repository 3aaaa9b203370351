export { loadConfig, type WorkerConfig } from "./config.ts";
export { assembleWorker, type RunningWorker } from "./deps.ts";
