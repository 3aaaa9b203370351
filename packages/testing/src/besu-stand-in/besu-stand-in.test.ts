import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { readFlags } from "./flags.ts";
import { toQuorumGenesis } from "./genesis.ts";
import { startRelay } from "./relay.ts";
import type { NodeRpc, RpcOutcome } from "./rpc.ts";

test("reads Besu's options in both forms, and refuses what Besu has not or nothing stands in for", () => {
  const flags = readFlags(["--rpc-http-enabled", "--p2p-port=1", "--data-path", "/data", "--Xdns-enabled=false"]);
  expect([flags.isOn("rpc-http-enabled"), flags.isOn("Xdns-enabled"), flags.isOn("discovery-enabled")]).toEqual([
    true,
    false,
    false,
  ]);
  expect([flags.get("p2p-port"), flags.get("data-path"), flags.get("genesis-file")]).toEqual(["1", "/data", undefined]);
  expect(() => readFlags(["--http.port=1"])).toThrow(/Unknown option/);
  expect(() => readFlags(["--permissions-nodes-config-file-enabled"])).toThrow(/Unknown option/);
  expect(() => readFlags(["--p2p-port"])).toThrow(/Missing required parameter/);
  expect(() => readFlags(["--p2p-port=1", "--p2p-port=2"])).toThrow(/only once/);
});

test("keeps validators, accounts and period of a genesis, and leaves out the rules that the other node has not", () => {
  const qbft = { blockperiodseconds: 1, epochlength: 30_000, requesttimeoutseconds: 2 };
  const config = { chainId: 7, berlinBlock: 0, londonBlock: 0, shanghaiTime: 0, zeroBaseFee: true, qbft };
  const original = { config, gasLimit: "0x1c9c380", extraData: "0x01", alloc: { ab: { balance: "0x1" } } };
  const { chainId, gasLimit, genesis } = toQuorumGenesis(original);
  expect([chainId, gasLimit]).toEqual([7, 30_000_000]);
  expect(genesis).toMatchObject({
    extraData: "0x01",
    alloc: original.alloc,
    config: { chainId: 7, berlinBlock: 0, qbft },
  });
  expect(genesis["config"]).not.toHaveProperty("londonBlock");
  expect(genesis["config"]).not.toHaveProperty("shanghaiTime");
  expect(() => toQuorumGenesis({ config: { chainId: 7 } })).toThrow(/qbft/);
});

const startOn = async (answers: { readonly [method: string]: unknown }, ...words: string[]) => {
  const asked: string[] = [];
  const call = async (method: string): Promise<RpcOutcome> => {
    asked.push(method);
    return { result: answers[method] ?? null };
  };
  const rpc: NodeRpc = { call, batch: (calls) => Promise.all(calls.map(({ method }) => call(method))) };
  const server = await startRelay(readFlags(["--rpc-http-port=0", ...words]), rpc);
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = async (body: unknown) =>
    (await fetch(url, { method: "POST", body: JSON.stringify(body), headers: { connection: "close" } })).json();
  return { asked, url, post };
};

test("opens only the names that it was told to, and asks for votes under the other node's", async () => {
  const one = { jsonrpc: "2.0", id: 1 };
  const open = await startOn({ istanbul_getValidators: ["0xa"] }, "--rpc-http-api=ETH,QBFT");
  const votes = { ...one, method: "qbft_proposeValidatorVote", params: [`0x${"ab".repeat(20)}`, true] };
  const validators = { ...one, id: 2, method: "qbft_getValidatorsByBlockNumber", params: ["latest"] };
  expect(await open.post([votes, validators])).toEqual([
    { ...one, result: true },
    { ...one, id: 2, result: ["0xa"] },
  ]);
  expect(open.asked.sort()).toEqual(["istanbul_getValidators", "istanbul_propose"]);
  expect(await open.post({ ...one, method: "istanbul_candidates" })).toMatchObject({ error: { code: -32_601 } });
  const closed = await startOn({});
  for (const method of ["qbft_getPendingVotes", "admin_peers"])
    expect(await closed.post({ ...one, method })).toMatchObject({ error: { code: -32_604 } });
  expect(closed.asked).toEqual([]);
});

test("is ready by its neighbours, and refuses hosts that it was not told of", async () => {
  const { url } = await startOn({ net_peerCount: "0x3", eth_syncing: false });
  const status = async (path: string): Promise<number> => {
    const answer = await fetch(`${url}${path}`, { headers: { connection: "close" } });
    await answer.body?.cancel();
    return answer.status;
  };
  expect(await status("/liveness")).toBe(200);
  expect(await status("/readiness?minPeers=3")).toBe(200);
  expect(await status("/readiness?minPeers=4")).toBe(503);
  const other = await startOn({}, "--host-allowlist=node.example");
  const answer = await fetch(`${other.url}/liveness`, { headers: { connection: "close" } });
  expect(answer.status).toBe(403);
});
