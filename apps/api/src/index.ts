export type { ApiDeps } from "./api-deps.ts";
export { apiVersion, buildApp } from "./app.ts";
export { type ApiConfig, loadConfig } from "./config.ts";
export { assembleApi } from "./deps.ts";
export { defaultLimits, type Limit, type Limits, noLimits } from "./limits.ts";
export { createUpdateHub, logChannel, operationChannel, type UpdateHub } from "./update-hub.ts";
