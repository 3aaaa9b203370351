import { type MethodTable, methodRules } from "../evm/method-table.ts";

/**
 * What the scope `rpc:dev` adds on the plan `dev`: accounts of the node, time and state control, traces. Names are
 * those that anvil 1.7.1 answers to (`anvil-methods.ts` lists them all). Not here, so refused: what would reach or
 * show another machine (`anvil_setRpcUrl`, `anvil_nodeInfo`), and what would change the chain's id.
 */
export const developmentMethods: MethodTable = {
  ...methodRules("eth_accounts eth_requestAccounts eth_coinbase eth_fillTransaction", { weight: 10 }),
  ...methodRules("eth_sendTransaction eth_sendTransactionSync eth_sendUnsignedTransaction", {
    weight: 100,
    isWrite: true,
  }),
  ...methodRules("eth_sign eth_signTransaction eth_signTypedData eth_signTypedData_v3 eth_signTypedData_v4", {
    weight: 10,
  }),
  ...methodRules(
    `anvil_addBalance hardhat_addBalance tenderly_addBalance anvil_setBalance hardhat_setBalance tenderly_setBalance
     anvil_setCode hardhat_setCode anvil_setNonce hardhat_setNonce evm_setAccountNonce
     anvil_setStorageAt hardhat_setStorageAt anvil_setCoinbase hardhat_setCoinbase
     anvil_dealERC20 hardhat_dealERC20 anvil_setERC20Balance anvil_setERC20Allowance
     anvil_impersonateAccount hardhat_impersonateAccount anvil_stopImpersonatingAccount
     hardhat_stopImpersonatingAccount anvil_autoImpersonateAccount hardhat_autoImpersonateAccount
     anvil_impersonateSignature anvil_setAutomine evm_setAutomine anvil_setLoggingEnabled hardhat_setLoggingEnabled
     anvil_setMinGasPrice hardhat_setMinGasPrice anvil_setNextBlockBaseFeePerGas hardhat_setNextBlockBaseFeePerGas
     anvil_removeBlockTimestampInterval anvil_dropTransaction hardhat_dropTransaction anvil_dropAllTransactions
     hardhat_dropAllTransactions anvil_removePoolTransactions anvil_enableTraces`,
    { weight: 10, isWrite: true },
  ),
  ...methodRules(
    `anvil_getAutomine hardhat_getAutomine anvil_getIntervalMining anvil_getGenesisTime anvil_getBlobByHash
     anvil_getBlobsByTransactionHash anvil_metadata hardhat_metadata txpool_status`,
    { weight: 10 },
  ),
  ...methodRules(
    `anvil_setTime evm_setTime anvil_increaseTime evm_increaseTime anvil_setNextBlockTimestamp
     evm_setNextBlockTimestamp anvil_setBlockTimestampInterval`,
    { weight: 10, isWrite: true, bound: "time" },
  ),
  ...methodRules("anvil_setIntervalMining evm_setIntervalMining", { weight: 10, isWrite: true, bound: "interval" }),
  ...methodRules("anvil_setBlockGasLimit evm_setBlockGasLimit", { weight: 10, isWrite: true, bound: "gasLimit" }),
  ...methodRules("anvil_mine hardhat_mine", { weight: 100, isWrite: true, bound: "mine" }),
  ...methodRules("evm_mine evm_mine_detailed anvil_mine_detailed", {
    weight: 100,
    isWrite: true,
    bound: "mineOptions",
  }),
  ...methodRules("anvil_snapshot evm_snapshot", { weight: 100, isWrite: true, bound: "snapshot" }),
  ...methodRules("anvil_revert evm_revert", { weight: 100, isWrite: true, bound: "revert" }),
  ...methodRules("anvil_rollback anvil_reorg", { weight: 100, isWrite: true, bound: "depth" }),
  ...methodRules("anvil_reset hardhat_reset", { weight: 100, isWrite: true, bound: "reset" }),
  ...methodRules("anvil_dumpState hardhat_dumpState", { weight: 1_000 }),
  ...methodRules("anvil_loadState hardhat_loadState", { weight: 1_000, isWrite: true, bound: "stateLoad" }),
  ...methodRules("txpool_content txpool_inspect", { weight: 100 }),
  ...methodRules("debug_getRawTransaction debug_codeByHash debug_dbGet", { weight: 10 }),
  ...methodRules(
    `debug_traceTransaction debug_traceCall debug_traceBlockByHash debug_traceBlockByNumber
     trace_transaction trace_block trace_replayBlockTransactions`,
    { weight: 500, bound: "tracer" },
  ),
  trace_filter: { weight: 500, bound: "traceRange" },
  ...methodRules(
    `erigon_getHeaderByNumber ots_getApiLevel ots_getBlockDetails ots_getBlockDetailsByHash ots_hasCode
     ots_getTransactionBySenderAndNonce ots_getContractCreator ots_getTransactionError`,
    { weight: 50 },
  ),
  ...methodRules("ots_getInternalOperations ots_traceTransaction", { weight: 500 }),
  ...methodRules("ots_getBlockTransactions ots_searchTransactionsAfter ots_searchTransactionsBefore", {
    weight: 100,
    bound: "page",
  }),
};
