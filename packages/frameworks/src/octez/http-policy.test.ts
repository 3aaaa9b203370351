import { createKeyGuard, keyRestrictionsSchema } from "@portolan/domain";
import { describe, expect, it } from "vitest";
import { matchHttp } from "../http-match.ts";
import { octezAccessList, octezHttp, octezRpcPolicy } from "./http-policy.ts";

const chainId = "NetXdQprcVkpaWU";
const block = "BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2";
const kt = "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn";
const tz = "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb";
const expr = "expruucpHTHNgLACaXh2bcVPkkRvHfvXGXMnmDPWmtcCMkNeeu6Jkp";
const hash = "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY";

const ask = (target: string, verb = "GET") => matchHttp(octezHttp, verb, target, { chainId });
const nameOf = (target: string, verb = "GET"): string => {
  const found = ask(target, verb);
  return found.kind === "route" ? found.route.name : `${found.kind}: ${JSON.stringify(found)}`;
};

/** The list that a node serves to strangers by itself: `Acl.secure` in Octez' RPC_server.ml, with its wildcards filled in. */
const nodesOwn = `
  GET /chains/main/blocks
  GET /chains/main/blocks/head
  GET /chains/main/chain_id
  GET /chains/main/checkpoint
  GET /chains/main/blocks/head/context/adaptive_issuance_launch_cycle
  GET /chains/main/blocks/head/context/big_maps/12/${expr}
  GET /chains/main/blocks/head/context/cache/contracts/all
  GET /chains/main/blocks/head/context/cache/contracts/size
  GET /chains/main/blocks/head/context/constants
  GET /chains/main/blocks/head/context/contracts/${kt}/storage
  GET /chains/main/blocks/head/context/contracts/${kt}/script
  GET /chains/main/blocks/head/context/contracts/${kt}/entrypoints
  GET /chains/main/blocks/head/context/contracts/${kt}/entrypoints/transfer
  GET /chains/main/blocks/head/context/contracts/${tz}/balance
  GET /chains/main/blocks/head/context/contracts/${tz}/counter
  GET /chains/main/blocks/head/context/contracts/${tz}/manager_key
  GET /chains/main/blocks/head/context/delegates/${tz}/voting_info
  GET /chains/main/blocks/head/context/delegates/${tz}/consensus_key
  GET /chains/main/blocks/head/context/denunciations
  GET /chains/main/blocks/head/context/issuance/expected_issuance
  GET /chains/main/blocks/head/context/liquidity_baking/cpmm_address
  GET /chains/main/blocks/head/context/nonces/12
  GET /chains/main/blocks/head/context/sapling/3/get_diff
  GET /chains/main/blocks/head/context/seed_computation
  GET /chains/main/blocks/head/context/selected_snapshot
  GET /chains/main/blocks/head/context/total_frozen_stake
  GET /chains/main/blocks/head/context/total_supply
  GET /chains/main/blocks/head/hash
  GET /chains/main/blocks/head/header
  GET /chains/main/blocks/head/header/shell
  GET /chains/main/blocks/head/header/protocol_data/raw
  GET /chains/main/blocks/head/helpers/current_level
  GET /chains/main/blocks/head/live_blocks
  GET /chains/main/blocks/head/metadata
  GET /chains/main/blocks/head/metadata_hash
  GET /chains/main/blocks/head/minimal_valid_time
  GET /chains/main/blocks/head/operation_hashes
  GET /chains/main/blocks/head/operation_hashes/3/0
  GET /chains/main/blocks/head/operation_metadata_hashes
  GET /chains/main/blocks/head/operations
  GET /chains/main/blocks/head/operations/3/0
  GET /chains/main/blocks/head/operations_metadata_hash
  GET /chains/main/blocks/head/protocols
  GET /chains/main/blocks/head/resulting_context_hash
  GET /chains/main/blocks/head/votes/proposals
  GET /chains/main/invalid_blocks
  GET /chains/main/invalid_blocks/${block}
  GET /chains/main/is_bootstrapped
  GET /chains/main/levels/caboose
  GET /chains/main/mempool/filter
  GET /chains/main/mempool/pending_operations
  GET /config/history_mode
  GET /config/network/user_activated_protocol_overrides
  GET /config/network/user_activated_upgrades
  GET /config/network/dal
  GET /network/stat
  GET /protocols
  GET /protocols/${hash}/environment
  GET /version
  POST /chains/main/blocks/head/context/contracts/${kt}/big_map_get
  POST /chains/main/blocks/head/context/seed
  POST /injection/operation`;

/** What wallets and Taquito need besides. */
const wallets = `
  POST /chains/main/blocks/head/helpers/scripts/run_operation
  POST /chains/main/blocks/head/helpers/scripts/simulate_operation
  POST /chains/main/blocks/head/helpers/scripts/run_view
  POST /chains/main/blocks/head/helpers/scripts/run_script_view
  POST /chains/main/blocks/head/helpers/scripts/run_code
  POST /chains/main/blocks/head/helpers/scripts/pack_data
  POST /chains/main/blocks/head/helpers/scripts/trace_code
  POST /chains/main/blocks/head/helpers/scripts/typecheck_code
  POST /chains/main/blocks/head/helpers/scripts/typecheck_data
  POST /chains/main/blocks/head/helpers/forge/operations
  POST /chains/main/blocks/head/helpers/preapply/operations
  POST /chains/main/blocks/head/helpers/parse/operations
  POST /chains/main/blocks/head/context/contracts/${kt}/storage/normalized
  POST /chains/main/blocks/head/context/contracts/${kt}/script/normalized
  POST /chains/main/blocks/head/context/contracts/${kt}/ticket_balance
  GET /chains/main/blocks/head/helpers/baking_rights
  GET /chains/main/blocks/head/helpers/attestation_rights
  GET /monitor/heads/main
  GET /monitor/applied_blocks
  GET /monitor/validated_blocks
  GET /monitor/bootstrapped
  GET /monitor/received_blocks/main
  GET /monitor/protocols
  GET /monitor/active_chains
  GET /chains/main/mempool/monitor_operations`;

const lines = (text: string): [string, string][] =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(" ") as [string, string]);

describe("what callers may ask a Tezos node", () => {
  it.each(lines(nodesOwn + wallets))("%s %s", (verb, path) => {
    expect(ask(path, verb)).toMatchObject({ kind: "route", target: path });
  });

  it("has one name for the chain, and none for others", () => {
    const found = ask(`/chains/${chainId}/blocks/head/header`);
    expect(found).toMatchObject({ kind: "route", target: "/chains/main/blocks/head/header" });
    expect(ask(`/injection/operation?chain=${chainId}`, "POST")).toMatchObject({
      target: "/injection/operation?chain=main",
    });
    expect(ask(`/monitor/heads/${chainId}`)).toMatchObject({ target: "/monitor/heads/main" });
    for (const other of ["test", "NetXnHfVqm9iesp", "Main", "", "main~1"])
      expect([other, ask(`/chains/${other}/blocks/head/header`).kind]).toEqual([other, "malformed"]);
    expect(matchHttp(octezHttp, "GET", `/chains/${chainId}/chain_id`, {}).kind).toBe("malformed");
  });

  it("takes a block by name, level or hash, with an offset", () => {
    for (const id of ["head", "head~2", "head-2", "genesis", "genesis+1", "12345", block, `${block}~12`, "checkpoint"])
      expect([id, nameOf(`/chains/main/blocks/${id}/hash`)]).toEqual([id, "block_hash"]);
    for (const id of ["head~", "tail", "-1", "head~head", "0x12", "BLock", `${block}0`, "head,head"])
      expect([id, ask(`/chains/main/blocks/${id}/hash`).kind]).toEqual([id, "malformed"]);
  });

  it.each([
    ["POST", "/injection/block"],
    ["POST", "/injection/protocol"],
    ["POST", "/private/injection/operation"],
    ["POST", "/private/injection/operations"],
    ["GET", "/network/peers"],
    ["GET", "/network/points"],
    ["GET", "/network/connections"],
    ["GET", "/network/self"],
    ["GET", "/network/log"],
    ["PATCH", "/network/points/127.0.0.1:9732"],
    ["PUT", "/network/points/127.0.0.1:9732"],
    ["DELETE", "/network/greylist"],
    ["DELETE", "/network/connections/idtqxHUjbGw6t6y5kJz1FmZkV7nTqT"],
    ["GET", "/workers/block_validator"],
    ["GET", "/workers/prevalidators/main"],
    ["GET", "/stats/gc"],
    ["GET", "/stats/memory"],
    ["POST", "/gc/full"],
    ["GET", "/gc/full"],
    ["PUT", "/config/logging"],
    ["GET", "/config"],
    ["GET", `/fetch_protocol/${hash}`],
    ["GET", `/protocols/${hash}`],
    ["PATCH", "/chains/main"],
    ["DELETE", `/chains/main/invalid_blocks/${block}`],
    ["POST", "/chains/main/mempool/filter"],
    ["POST", "/chains/main/mempool/ban_operation"],
    ["POST", "/chains/main/mempool/unban_operation"],
    ["POST", "/chains/main/mempool/unban_all_operations"],
    ["POST", "/chains/main/mempool/request_operations"],
    ["GET", "/errors"],
    ["GET", "/describe"],
    ["GET", "/describe/chains/main"],
    ["GET", "/metrics"],
    ["POST", "/chains/main/blocks/head/helpers/preapply/block"],
    ["POST", "/chains/main/blocks/head/helpers/forge_block_header"],
    ["GET", "/chains/main/blocks/head/context/raw/bytes"],
    ["GET", "/chains/main/blocks/head/context/contracts"],
    ["PUT", "/version"],
    ["DELETE", "/"],
    ["GET", "/a/path/of/tomorrow"],
    ["POST", "/bls/aggregate_signatures"],
  ])("refuses %s %s", (verb, path) => {
    const found = ask(path, verb);
    expect([path, found.kind]).toEqual([path, path === "/" ? "malformed" : "refused"]);
    if (found.kind === "refused" && !path.startsWith("/a/") && !path.startsWith("/bls/"))
      expect(found.reason).not.toBe("the path is not known");
  });

  it.each([
    "/chains/main/blocks/head/../../../network/peers",
    "/chains/main/blocks/head%2f..%2f..%2f..%2fnetwork%2fpeers",
    "/chains/main/blocks/%68ead/header",
    "/chains//main/blocks/head/header",
    "//network/peers",
    "/version/",
    "/version#/network/peers",
    "/chains/main\\..\\network/peers",
  ])("can't be led astray by %s", (path) => {
    expect(ask(path).kind).toBe("malformed");
  });

  it("refuses parameters that no path has, and those that would ask for too much", () => {
    const rights = "/chains/main/blocks/head/helpers/baking_rights";
    expect(ask(`${rights}?level=5&level=6&delegate=${tz}&max_round=4`)).toMatchObject({ kind: "route" });
    for (const query of ["all", "max_round=1000", "level=a", "unknown=1", Array(9).fill("level=1").join("&")])
      expect([query, ask(`${rights}?${query}`).kind]).toEqual([query, "malformed"]);
    expect(ask("/chains/main/blocks?length=5000").kind).toBe("malformed");
    expect(ask("/injection/operation?force=true", "POST").kind).toBe("malformed");
  });

  it("lets the weight follow the question", () => {
    const found = ask("/chains/main/blocks/head/helpers/baking_rights?cycle=3");
    if (found.kind !== "route") throw new Error("it is not there");
    expect([found.route.weight, found.route.surcharge?.(found.query)]).toEqual([100, 100]);
    expect(found.route.surcharge?.({})).toBe(0);
    for (const [name, weight, isWrite] of [
      ["block_header", 10, false],
      ["block", 50, false],
      ["contracts_storage", 20, false],
      ["scripts_run_operation", 100, false],
      ["forge_operations", 20, false],
      ["injection_operation", 100, true],
    ] as const)
      expect(octezRpcPolicy.verdict(name, "any")).toEqual({ kind: "forward", weight, isWrite, scope: "rpc" });
  });

  it("bounds every body, and looks into those that make a node work", () => {
    for (const route of octezHttp.routes)
      expect([route.name, (route.maxBodyBytes ?? 0) > 0]).toEqual([route.name, route.verb === "POST"]);
    const check = (name: string, body: unknown) =>
      octezHttp.routes.find((route) => route.name === name)?.check?.(body)?.message;
    const operation = "ab".repeat(150);
    expect(check("injection_operation", operation)).toBeUndefined();
    for (const body of [null, {}, "", "abc", "zz".repeat(150), "ab".repeat(40), "ab".repeat(32_769)])
      expect(check("injection_operation", body)).toMatch(/operation/i);
    expect(check("scripts_run_code", { gas: "1040000" })).toBeUndefined();
    expect(check("scripts_run_code", {})).toBeUndefined();
    for (const gas of ["10400000000", "-1", 1e15, Number.NaN, {}, null])
      expect(check("scripts_run_code", { gas })).toMatch(/^Gas/);
    expect(check("scripts_run_script_view", { unlimited_gas: true })).toMatch(/limit/);
    expect(check("preapply_operations", Array(65).fill({}))).toMatch(/64/);
  });

  it("names methods once each, so that keys and namespaces of a key's list can name them", () => {
    const names = octezHttp.routes.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const places = octezHttp.routes.map(({ verb, path }) => `${verb} ${path}`);
    expect(new Set(places).size).toBe(places.length);
    for (const name of names) expect(keyRestrictionsSchema.safeParse({ methods: [name] }).success).toBe(true);
    const guard = createKeyGuard({ origins: [], addresses: [], methods: ["block_*", "monitor_heads"] });
    expect(names.filter((name) => guard.allowsMethod(name) && !name.startsWith("block_"))).toEqual(["monitor_heads"]);
  });

  it("makes streams of what never ends, and of nothing else", () => {
    const streams = octezHttp.routes.filter(({ stream }) => stream !== undefined).map(({ path }) => path);
    expect(streams.every((path) => path.includes("monitor"))).toBe(true);
    expect(octezHttp.routes.filter(({ path }) => path.includes("monitor")).length).toBe(streams.length);
  });

  it("is a node's access list too", () => {
    expect(octezAccessList).toContain("GET /chains/*/blocks/*/context/contracts/*/storage");
    expect(octezAccessList).toContain("POST /injection/operation");
    expect(octezAccessList.join("\n")).not.toMatch(/\{|\/injection\/block|\/workers|\/private|^(?:PUT|PATCH|DELETE)/m);
  });
});

describe("refusals", () => {
  it("are a list of errors, as Tezos' clients read them", () => {
    const text = octezHttp.renderProblem?.({
      ...{ status: 403, code: "method.denied", message: "No.", hint: "Do else.", requestId: "req_1" },
    });
    expect(JSON.parse(text ?? "")).toEqual([
      {
        ...{ kind: "permanent", id: "portolan.method.denied", msg: "No. Do else." },
        ...{ code: "method.denied", hint: "Do else.", requestId: "req_1" },
      },
    ]);
    const later = octezHttp.renderProblem?.({
      ...{ status: 429, code: "request.rate_limited", message: "", hint: "", requestId: "", retryAfterSeconds: 2 },
    });
    expect(JSON.parse(later ?? "")).toMatchObject([{ kind: "temporary", retryAfterSeconds: 2 }]);
  });
});
