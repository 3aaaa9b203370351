export { anvil } from "./anvil/anvil.ts";
export * from "./assets.ts";
export { deriveAccounts } from "./evm/account.ts";
export { quickstartToken } from "./evm/quickstart/quickstart-token.ts";
export { createEvmRpcPolicy, evmRpcPolicy } from "./evm/rpc-policy.ts";
export * from "./framework.ts";
export * from "./operator-config.ts";
export * from "./registry.ts";
