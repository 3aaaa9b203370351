export * from "./api.ts";
export { operationDescriptions } from "./descriptions.ts";
export { errorStatus } from "./error-status.ts";
export * from "./ports/centre-port.ts";
export * from "./ports/edge-port.ts";
export * from "./problem.ts";
export type * from "./resources/types.ts";
export { type RequestStatus, type UsageDimension, usageDimensions } from "./resources/usage.ts";
export * from "./route.ts";
