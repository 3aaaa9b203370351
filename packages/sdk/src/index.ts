export type { Answer, CallArguments, CallableId, CallInput, CallOptions } from "./call.ts";
export { createPortolan, type PortolanClient, type PortolanSettings, type SessionPair } from "./create-portolan.ts";
export type { Fetch } from "./exchange.ts";
export { listAll } from "./list-all.ts";
export { PortolanError, type PortolanErrorFields, UnreachableError } from "./portolan-error.ts";
export type { RetryPolicy } from "./retry.ts";
export { OperationTimeoutError, type WaitOptions } from "./wait-for-operation.ts";
