import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { anvilMethods } from "../../test/anvil-methods.ts";
import { anvil } from "../anvil/anvil.ts";
import { commonMethods } from "./method-table.ts";
import { evmRpcPolicy } from "./rpc-policy.ts";

const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const mebibyte = 1_048_576;

const policy = anvil.protocols[0]?.policy ?? evmRpcPolicy;

describe("verdicts", () => {
  it.each([
    ["eth_chainId", 0],
    ["net_version", 0],
    ["web3_clientVersion", 0],
    ["eth_blockNumber", 10],
    ["eth_getBalance", 10],
    ["eth_getBlockByNumber", 10],
    ["eth_getTransactionReceipt", 10],
    ["eth_newFilter", 10],
    ["eth_call", 30],
    ["eth_estimateGas", 50],
    ["eth_getBlockReceipts", 50],
    ["eth_getProof", 100],
    ["eth_getLogs", 100],
    ["eth_createAccessList", 100],
    ["eth_simulateV1", 100],
  ])("%s is read at %d dCU on every plan", (method, weight) => {
    for (const plan of ["dev", "standard"]) {
      expect(policy.verdict(method, plan)).toMatchObject({ kind: "forward", weight, isWrite: false, scope: "rpc" });
    }
  });
  it.each(["anvil_dumpState", "hardhat_dumpState", "anvil_loadState", "hardhat_loadState"])("%s is dear", (method) =>
    expect(policy.verdict(method, "dev")).toMatchObject({ weight: 1_000, scope: "rpc:dev" }),
  );
  it("forwards a signed transaction as a write", () => {
    expect(policy.verdict("eth_sendRawTransaction", "standard")).toEqual({
      kind: "forward",
      weight: 100,
      isWrite: true,
      scope: "rpc",
      bound: "rawTransaction",
    });
  });
  it.each(["eth_accounts", "eth_requestAccounts"])("answers %s itself unless on dev", (method) => {
    expect(policy.verdict(method, "standard")).toEqual({ kind: "synthetic", answer: "emptyList" });
    expect(policy.verdict(method, "dev")).toMatchObject({ kind: "forward", scope: "rpc:dev" });
    expect(evmRpcPolicy.verdict(method, "dev")).toEqual({ kind: "synthetic", answer: "emptyList" });
  });
  it("answers rpc_modules itself", () => {
    expect(policy.verdict("rpc_modules", "dev")).toEqual({ kind: "synthetic", answer: "modules" });
  });
  it.each([
    "anvil_nodeInfo",
    "anvil_setRpcUrl",
    "anvil_setChainId",
    "admin_addPeer",
    "engine_newPayloadV1",
    "personal_sign",
    "personal_unlockAccount",
    "miner_start",
    "eth_subscribe",
    "eth_getWork",
    "ETH_CHAINID",
    "eth_chainid",
    " eth_chainId",
    "eth_chainId ",
    "eth_chainId\u0000",
    "еth_chainId",
    "",
    "toString",
    "__proto__",
    "constructor",
    "anvil_setrpcurl",
    "hardhat_setRpcUrl",
    "debug_traceBlock",
    "anvil_anything",
  ])("refuses %j on every plan", (method) => {
    for (const plan of ["dev", "standard", "__proto__"]) expect(policy.verdict(method, plan).kind).toBe("deny");
  });
  it.each([
    "eth_sendTransaction",
    "eth_sign",
    "eth_signTypedData_v4",
    "anvil_setBalance",
    "hardhat_mine",
    "evm_snapshot",
    "evm_increaseTime",
    "debug_traceTransaction",
    "txpool_content",
    "ots_getApiLevel",
    "trace_block",
  ])("lets %s through on dev only, by the scope rpc:dev", (method) => {
    expect(policy.verdict(method, "dev")).toMatchObject({ kind: "forward", scope: "rpc:dev" });
    expect(policy.verdict(method, "standard").kind).toBe("deny");
    expect(evmRpcPolicy.verdict(method, "dev").kind).toBe("deny");
  });
  it.each([
    ["eth_blocknumber", "standard", { reason: "the method is not known", hint: "Did you mean eth_blockNumber?" }],
    ["ETH_ACCOUNTS", "standard", { reason: "the method is not known", hint: "Did you mean eth_accounts?" }],
    ["anvil_setbalance", "dev", { reason: "the method is not known", hint: "Did you mean anvil_setBalance?" }],
    [
      "anvil_setBalance",
      "standard",
      { reason: "development methods are not part of this plan", hint: "Plan dev has the development methods." },
    ],
    [
      "eth_sendTransaction",
      "standard",
      { reason: "nodes hold no keys here: sign at the client", hint: "Plan dev has the development methods." },
    ],
    ["anvil_anything", "dev", { reason: "the method is not known" }],
    ["anvil_setrpcurl", "dev", { reason: "the method is not known" }],
    ["admin_peers", "dev", { reason: "node administration" }],
    ["no_such_method", "standard", { reason: "the method is not known" }],
  ])("says of %s on %s why, and what to do instead", (method, plan, told) => {
    expect(policy.verdict(method, plan)).toEqual({ kind: "deny", ...told });
  });
  it("has decided every method that anvil answers to", () => {
    expect(anvilMethods.length).toBeGreaterThan(170);
    for (const plan of ["dev", "standard"]) {
      const undecided = anvilMethods.filter((method) => {
        const verdict = policy.verdict(method, plan);
        return verdict.kind === "deny" && verdict.reason === "the method is not known";
      });
      expect(undecided).toEqual([]);
    }
  });
  it("refuses on dev exactly what reaches outside, shows the host or makes no sense here", () => {
    expect(anvilMethods.filter((method) => policy.verdict(method, "dev").kind === "deny")).toEqual([
      "anvil_nodeInfo",
      "anvil_setChainId",
      "anvil_setFeeAmmLiquidity",
      "anvil_setFeeToken",
      "anvil_setRpcUrl",
      "anvil_setValidatorFeeToken",
      "eth_getWork",
      "eth_hashrate",
      "eth_submitHashrate",
      "eth_submitWork",
      "personal_sign",
    ]);
  });
  it("has whole weights, and a check for every bound it names", () => {
    for (const method of [...anvilMethods, ...Object.keys(commonMethods)]) {
      const verdict = policy.verdict(method, "dev");
      if (verdict.kind !== "forward") continue;
      expect(Number.isInteger(verdict.weight) && verdict.weight >= 0).toBe(true);
      if (verdict.bound !== undefined)
        expect(policy.check(verdict.bound, [])?.message).not.toBe("The method is not offered.");
    }
  });
});

describe("bounds", () => {
  const check = (method: string, params: unknown): boolean => {
    const verdict = policy.verdict(method, "dev");
    if (verdict.kind !== "forward") throw new Error(`${method} is not forwarded`);
    return verdict.bound === undefined || policy.check(verdict.bound, params) === null;
  };
  it.each([
    ["anvil_mine", [1000]],
    ["anvil_mine", ["0x3e8", "0x1"]],
    ["anvil_mine", []],
    ["anvil_mine", [null, null]],
    ["hardhat_mine", undefined],
    ["evm_mine", []],
    ["evm_mine", [1_800_000_000]],
    ["evm_mine", [{ timestamp: 5, blocks: 1000 }]],
    ["anvil_reset", []],
    ["anvil_reset", undefined],
    ["anvil_reset", [{}]],
    ["hardhat_reset", [null]],
    ["evm_setIntervalMining", [0]],
    ["anvil_setIntervalMining", [1]],
    ["evm_setBlockGasLimit", ["0x1c9c380"]],
    ["anvil_rollback", []],
    ["anvil_rollback", [100]],
    ["anvil_reorg", [{ depth: 2, tx_block_pairs: [] }]],
    ["anvil_reorg", [2, []]],
    ["evm_snapshot", []],
    ["eth_getLogs", [{ fromBlock: "0x1", toBlock: "0x1388" }]],
    ["eth_getLogs", [{ fromBlock: "0x0", toBlock: "latest" }]],
    ["eth_getLogs", [{ blockHash: "0x1" }]],
    ["eth_feeHistory", ["0x400", "latest", []]],
    ["eth_sendRawTransaction", ["0x02ff"]],
    ["debug_traceTransaction", ["0x1", { tracer: "callTracer", tracerConfig: { onlyTopCall: true } }]],
    ["debug_traceTransaction", ["0x1"]],
    ["trace_filter", [{ fromBlock: "0x1", toBlock: "0x10" }]],
    ["trace_replayBlockTransactions", ["0x1", ["trace", "stateDiff"]]],
    ["eth_getLogs", [{}]],
    ["ots_searchTransactionsBefore", ["0x1", 0, 25]],
    ["eth_simulateV1", [{ blockStateCalls: [{ calls: [{}] }] }, "latest"]],
  ])("%s takes %j", (method, params) => expect(check(method, params)).toBe(true));
  it.each([
    ["anvil_mine", [1001]],
    ["anvil_mine", ["0x3e9"]],
    ["anvil_mine", ["1001"]],
    ["anvil_mine", [1e300]],
    ["anvil_mine", [-1]],
    ["anvil_mine", [1.5]],
    ["anvil_mine", [["0xffff"]]],
    ["anvil_mine", { 0: 5000 }],
    ["hardhat_mine", ["0xffffffffffffffff"]],
    ["evm_mine", [{ blocks: 1001 }]],
    ["evm_mine", [{ blocks: "0xffff" }]],
    ["evm_mine", { blocks: 1001 }],
    ["evm_mine", { params: { blocks: 1001 } }],
    ["evm_mine", [{ params: { blocks: 1001 } }]],
    ["anvil_mine_detailed", [{ blocks: 1e6 }]],
    ["anvil_reset", [{ forking: { jsonRpcUrl: "http://10.0.0.1" } }]],
    ["anvil_reset", [{ jsonRpcUrl: "http://10.0.0.1" }]],
    ["anvil_reset", { forking: { jsonRpcUrl: "http://10.0.0.1" } }],
    ["hardhat_reset", [{ params: { forking: {} } }]],
    ["hardhat_reset", [{}, { forking: {} }]],
    ["hardhat_reset", ["http://10.0.0.1"]],
    ["hardhat_reset", [[{ forking: {} }]]],
    ["evm_setIntervalMining", [0.5]],
    ["evm_setIntervalMining", [-1]],
    ["evm_setIntervalMining", [1e9]],
    ["evm_setBlockGasLimit", ["0xffffffffff"]],
    ["anvil_rollback", [101]],
    ["anvil_reorg", [{ depth: 1000 }]],
    ["anvil_reorg", [1, new Array(101).fill([])]],
    ["eth_getLogs", [{ fromBlock: "0x0", toBlock: "0x1388" }]],
    ["eth_getLogs", [{ fromBlock: "earliest", toBlock: "0xffffff" }]],
    ["eth_newFilter", [{ fromBlock: "0x0", toBlock: "0xffffff" }]],
    ["eth_feeHistory", ["0x401", "latest", []]],
    ["eth_sendRawTransaction", []],
    ["eth_sendRawTransaction", ["02ff"]],
    ["eth_sendRawTransaction", [`0x${"00".repeat(1024 * 1024 + 1)}`]],
    ["debug_traceTransaction", ["0x1", { tracer: "{step: function() { while (true) {} }}" }]],
    ["debug_traceCall", [{}, "latest", { tracer: "muxTracer", tracerConfig: { a: { tracer: "x" } } }]],
    ["trace_filter", [{ fromBlock: "0x1", toBlock: "latest" }]],
    ["trace_filter", [{ fromBlock: "0x1", toBlock: "0xffff" }]],
    ["ots_searchTransactionsBefore", ["0x1", 0, 1000]],
    ["eth_simulateV1", [{ blockStateCalls: new Array(65).fill({}) }]],
    ["eth_simulateV1", [[new Array(300).fill({ calls: [] }), false, false, false], "latest"]],
    ["eth_simulateV1", [{ blockStateCalls: [[null, null, new Array(2000).fill({})]] }, "latest"]],
    ["eth_simulateV1", [{ blockStateCalls: [{ calls: { 0: {} } }] }, "latest"]],
    ["eth_simulateV1", [{ block_state_calls: [] }]],
    ["eth_simulateV1", { blockStateCalls: [] }],
    ["eth_simulateV1", []],
    ["eth_getLogs", [["0x0", "0xffffff"]]],
    ["eth_newFilter", [[{ fromBlock: "0x0", toBlock: "0xffffff" }]]],
    ["eth_getLogs", [{ fromBlock: "0x0", toBlock: "0xffffff", blockHash: null }]],
    ["eth_getLogs", { fromBlock: "0x0", toBlock: "0xffffff" }],
    ["trace_filter", [["0x0", "0xffffff"]]],
    ["trace_filter", []],
    ["debug_traceTransaction", ["0x1", [null, "{step: function() {}}"]]],
    ["evm_mine", [[null, 5000]]],
    ["evm_mine", [{ params: [null, 5000] }]],
    ["evm_mine", [[{ blocks: 5000 }]]],
    ["eth_feeHistory", { blockCount: "0xffff" }],
    ["eth_getStorageValues", [[["0x1", new Array(2000).fill("0x0")]]]],
    ["evm_increaseTime", { seconds: 1e15 }],
    ["eth_simulateV1", [{ blockStateCalls: [{ calls: new Array(1001).fill({}) }] }]],
    ["evm_increaseTime", [1e15]],
    ["eth_getStorageValues", [{ "0x1": new Array(1025).fill("0x0") }]],
  ])("%s refuses %j", (method, params) => expect(check(method, params)).toBe(false));
  // Named: the parameters themselves are megabytes.
  it.each<[string, unknown, boolean]>([
    ["of JSON", [hexOf(Buffer.from('{"block":null}'))], true],
    ["of gzip", [hexOf(gzipSync('{"block":null}'))], true],
    ["of 32 MiB unpacked", [hexOf(gzipSync(Buffer.alloc(32 * mebibyte)))], true],
    ["of 32 MiB and a byte", [hexOf(gzipSync(Buffer.alloc(32 * mebibyte + 1)))], false],
    ["of 200 MiB", [hexOf(gzipSync(Buffer.alloc(200 * mebibyte)))], false],
    ["in two parts", [hexOf(Buffer.concat([gzipSync("{}"), gzipSync(Buffer.alloc(40 * mebibyte))]))], false],
    ["that is cut off", [hexOf(gzipSync(Buffer.alloc(100_000)).subarray(0, -9))], false],
    ["of more than 2 MiB as sent", [hexOf(Buffer.alloc(2 * mebibyte + 1))], false],
    ["that is no hexadecimal text", ["0x1f8b zz"], false],
    ["of half a byte", ["0x7b7"], false],
    ["with another", ["0x7b7d", "0x7b7d"], false],
    ["in an object", { 0: "0x7b7d" }, false],
    ["as a list of bytes", [[0x7b, 0x7d]], false],
    ["that is an object", [{}], false],
    ["that is not there", [], false],
  ])("judges a state %s", (_case, params, isTaken) => {
    expect(check("anvil_loadState", params)).toBe(isTaken);
    expect(check("hardhat_loadState", params)).toBe(isTaken);
  });
  it("refuses a bound that nobody knows", () => {
    expect(policy.check("toString", [])).not.toBeNull();
  });
});

it.each([
  ["eth_getLogs", [{ fromBlock: "0x0", toBlock: "0x1f3" }], 10],
  ["eth_getLogs", [{ fromBlock: "0x0", toBlock: "0x1f2" }], 0],
  ["eth_getLogs", [{ fromBlock: "0x1", toBlock: "0x1388" }], 100],
  ["eth_getLogs", [{ fromBlock: "0x1" }], 100],
  ["eth_getLogs", [{ fromBlock: "earliest", toBlock: "latest" }], 100],
  ["eth_getLogs", [{ fromBlock: "latest" }], 0],
  ["eth_getLogs", [{}], 0],
  ["eth_getLogs", [{ blockHash: "0x1" }], 0],
  ["eth_newFilter", [{ fromBlock: "0x0", toBlock: "latest" }], 100],
  ["eth_getBlockByNumber", ["latest", true], 10],
  ["eth_getBlockByNumber", ["latest", false], 0],
  ["anvil_mine", ["0x3e8"], 1000],
  ["eth_call", [{}], 0],
  ["toString", [], 0],
])("%s of %j costs %d dCU more", (method, params, extra) => expect(policy.surcharge(method, params)).toBe(extra));

it("bounds batches, bodies and time", () => {
  expect(policy.maxBodyBytes).toBe(4 * mebibyte + 65_536);
  expect([evmRpcPolicy.maxBatch, evmRpcPolicy.maxBodyBytes, evmRpcPolicy.timeoutMs]).toEqual([100, 1_048_576, 30_000]);
});
