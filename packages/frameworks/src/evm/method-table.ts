/** One row of a method table. Weights are integer tenths of a compute unit (dCU). */
export interface MethodRule {
  weight: number;
  isWrite?: boolean;
  /** Names a check of the parameters, see `param-bounds.ts`. */
  bound?: BoundName;
}

export type BoundName =
  | "feeHistory"
  | "logRange"
  | "rawTransaction"
  | "simulate"
  | "storageValues"
  | "mine"
  | "mineOptions"
  | "snapshot"
  | "revert"
  | "stateLoad"
  | "interval"
  | "gasLimit"
  | "depth"
  | "time"
  | "reset"
  | "tracer"
  | "traceRange"
  | "page";

export type MethodTable = { readonly [method: string]: MethodRule };

const rules = (names: string, rule: MethodRule): MethodTable =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, rule]),
  );

/** Free, but still a call: metered with weight 0. */
const free = rules("eth_chainId eth_networkId net_version net_listening net_peerCount web3_clientVersion web3_sha3", {
  weight: 0,
});

const reads: MethodTable = {
  ...rules(
    `eth_blockNumber eth_gasPrice eth_maxPriorityFeePerGas eth_blobBaseFee eth_syncing eth_protocolVersion eth_config
     eth_getBalance eth_getCode eth_getStorageAt eth_getTransactionCount eth_getAccount eth_getAccountInfo
     eth_getBlockByHash eth_getBlockByNumber eth_getHeaderByHash eth_getHeaderByNumber
     eth_getBlockTransactionCountByHash eth_getBlockTransactionCountByNumber
     eth_getTransactionByHash eth_getTransactionByBlockHashAndIndex eth_getTransactionByBlockNumberAndIndex
     eth_getTransactionBySenderAndNonce eth_getTransactionReceipt
     eth_getRawTransactionByHash eth_getRawTransactionByBlockHashAndIndex eth_getRawTransactionByBlockNumberAndIndex
     eth_getUncleByBlockHashAndIndex eth_getUncleByBlockNumberAndIndex
     eth_getUncleCountByBlockHash eth_getUncleCountByBlockNumber
     eth_newBlockFilter eth_newPendingTransactionFilter eth_getFilterChanges eth_uninstallFilter`,
    { weight: 10 },
  ),
  eth_feeHistory: { weight: 10, bound: "feeHistory" },
  eth_newFilter: { weight: 10, bound: "logRange" },
};

/**
 * Log ranges cost 10 dCU more for each whole 500 blocks, and may have 5,000 blocks. One that begins at a number and ends
 * at a tag (`latest`, or no `toBlock`) is let through, since clients ask so and only the node knows its length; it costs
 * as much as the longest one (100 dCU more). One that begins at a tag costs nothing more.
 */
const heavy: MethodTable = {
  eth_call: { weight: 30 },
  eth_getStorageValues: { weight: 30, bound: "storageValues" },
  eth_estimateGas: { weight: 50 },
  eth_getBlockReceipts: { weight: 50 },
  eth_getProof: { weight: 100 },
  eth_getLogs: { weight: 100, bound: "logRange" },
  eth_getFilterLogs: { weight: 100 },
  eth_createAccessList: { weight: 100 },
  eth_simulateV1: { weight: 100, bound: "simulate" },
};

const writes = rules("eth_sendRawTransaction eth_sendRawTransactionSync eth_sendRawTransactionConditional", {
  weight: 100,
  isWrite: true,
  bound: "rawTransaction",
});

/** What every key with the scope `rpc` may call on every EVM chain. */
export const commonMethods: MethodTable = { ...free, ...reads, ...heavy, ...writes };

/**
 * Name spaces and names that no tenant calls, with the reason that the refusal gives. Everything else that is in no
 * table is refused too, as unknown; so are, on a plan with development methods, names of the kinds that other plans lack
 * (`ofOtherPlans`).
 */
export const deniedMethods: readonly { pattern: RegExp; reason: string; ofOtherPlans?: true }[] = [
  { pattern: /^(?:anvil_nodeInfo|hardhat_nodeInfo)$/, reason: "it shows how the node reaches its upstream" },
  { pattern: /^anvil_setRpcUrl$/, reason: "it would make the node call an address of the caller's choice" },
  { pattern: /^anvil_setChainId$/, reason: "a chain id is given by the plane and stays unique" },
  { pattern: /^anvil_set(?:FeeAmmLiquidity|FeeToken|ValidatorFeeToken)$/, reason: "the network family is not enabled" },
  {
    pattern: /^(?:admin|engine|miner|perm|plugins|testing|dev|clique|ibft|qbft|personal)_/,
    reason: "node administration",
  },
  { pattern: /^(?:debug|trace)_/, reason: "tracing is not part of this plan", ofOtherPlans: true },
  { pattern: /^txpool_/, reason: "the pool of waiting transactions is not shown", ofOtherPlans: true },
  { pattern: /^net_(?:enode|services)$/, reason: "node administration" },
  {
    pattern: /^eth_(?:send(?:Unsigned)?Transaction(?:Sync)?|fillTransaction)$/,
    reason: "nodes hold no keys here: sign at the client",
  },
  { pattern: /^eth_sign/, reason: "nodes hold no keys here: sign at the client" },
  { pattern: /^eth_(?:coinbase|mining|hashrate|getWork|submit\w+|resend)$/, reason: "nodes do not mine here" },
  { pattern: /^eth_(?:un)?subscribe$/, reason: "subscriptions need a stream: poll a filter instead" },
  {
    pattern: /^(?:anvil|hardhat|evm|tenderly)_/,
    reason: "development methods are not part of this plan",
    ofOtherPlans: true,
  },
  { pattern: /^(?:erigon|ots)_/, reason: "explorer methods are not part of this plan", ofOtherPlans: true },
];

/** Answered by the gateway, never forwarded. */
export const syntheticMethods: { readonly [method: string]: "emptyList" | "modules" } = {
  eth_accounts: "emptyList",
  eth_requestAccounts: "emptyList",
  rpc_modules: "modules",
};

export const methodRules = rules;
