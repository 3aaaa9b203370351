import type { HttpQueryRule, HttpRoute } from "../http-policy.ts";
import { checkGas, checkOperation, checkOperations } from "./http-bounds.ts";
import { octezQueries as queries } from "./http-values.ts";

/**
 * What callers may ask of a Tezos node, with its weight in dCU (tenths of a compute unit): what a node offers to
 * strangers by itself (`Acl.secure` of Octez 25), what wallets and Taquito need besides, injection, and streams. Paths
 * and parameters are those of Octez' OpenAPI of protocol 025 (docs/api of its repository).
 */
const kib = 1_024;
const mib = 1_024 * kib;

type Query = { readonly [name: string]: HttpQueryRule };

const get = (name: string, path: string, weight: number, query?: Query): HttpRoute => ({
  name,
  verb: "GET",
  path,
  weight,
  ...(query === undefined ? {} : { query }),
});

const ofChain = "/chains/{chain}";
const ofBlock = `${ofChain}/blocks/{block}`;
const context = `${ofBlock}/context`;
const contract = `${context}/contracts/{contract}`;
const delegate = `${context}/delegates/{delegate}`;

/** Each name one GET below `base`, under the method `<group>_<name>`. */
const gets = (group: string, base: string, weight: number, names: string): HttpRoute[] =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => get(`${group}_${name.replaceAll("/", "_")}`, `${base}/${name}`, weight));

const node: readonly HttpRoute[] = [
  get("node_version", "/version", 10),
  get("node_network_stat", "/network/stat", 10),
  get("node_protocols", "/protocols", 10),
  get("node_protocol_environment", "/protocols/{protocol}/environment", 10),
  ...gets("node", "", 10, "config/history_mode"),
  ...gets("node", "/config/network", 10, "user_activated_protocol_overrides user_activated_upgrades dal"),
];

const chain: readonly HttpRoute[] = [
  ...gets("chain", ofChain, 10, "chain_id checkpoint is_bootstrapped protocols invalid_blocks"),
  ...gets("chain_levels", `${ofChain}/levels`, 10, "caboose checkpoint savepoint"),
  get("chain_protocol", `${ofChain}/protocols/{protocol}`, 10),
  get("chain_invalid_block", `${ofChain}/invalid_blocks/{blockHash}`, 10),
  get("chain_blocks", `${ofChain}/blocks`, 50, queries.blocks),
];

const blocks: readonly HttpRoute[] = [
  get("block", ofBlock, 50, queries.metadata),
  get("block_metadata", `${ofBlock}/metadata`, 20, queries.version),
  get("block_operations", `${ofBlock}/operations`, 50, queries.metadata),
  get("block_operations_pass", `${ofBlock}/operations/{index}`, 30, queries.metadata),
  get("block_operation", `${ofBlock}/operations/{index}/{index}`, 20, queries.metadata),
  ...gets("block", ofBlock, 10, "hash header protocols live_blocks metadata_hash minimal_valid_time"),
  ...gets("block", ofBlock, 10, "operations_metadata_hash resulting_context_hash"),
  ...gets("block_header", `${ofBlock}/header`, 10, "shell raw protocol_data protocol_data/raw"),
  ...["operation_hashes", "operation_metadata_hashes"].flatMap((name) => [
    get(`block_${name}`, `${ofBlock}/${name}`, 20),
    get(`block_${name}_pass`, `${ofBlock}/${name}/{index}`, 10),
    get(`block_${name}_one`, `${ofBlock}/${name}/{index}/{index}`, 10),
  ]),
  ...gets(
    "votes",
    `${ofBlock}/votes`,
    20,
    `ballot_list ballots current_period current_proposal current_quorum listings proposals successor_period
     total_voting_power`,
  ),
  get("votes_proposal_count", `${ofBlock}/votes/proposal_count/{delegate}`, 10),
];

const contracts: readonly HttpRoute[] = [
  get("contracts", contract, 20, queries.types),
  ...gets(
    "contracts",
    contract,
    20,
    `all_ticket_balances balance balance_and_frozen_bonds counter delegate estimated_own_pending_slashed_amount
     frozen_bonds full_balance manager_key script spendable spendable_and_frozen_bonds staked_balance staking_numerator
     storage storage/paid_space storage/used_space unstake_requests unstaked_finalizable_balance
     unstaked_frozen_balance stez_balance stez_ticket_balance stez_redeemed_finalizable_balance
     stez_redeemed_frozen_balance`,
  ),
  get("contracts_entrypoints", `${contract}/entrypoints`, 20, queries.types),
  get("contracts_entrypoint", `${contract}/entrypoints/{entrypoint}`, 20, queries.types),
  get("contracts_sapling_diff", `${contract}/single_sapling_get_diff`, 50, queries.sapling),
];

const delegates: readonly HttpRoute[] = [
  get("delegates_list", `${context}/delegates`, 100, queries.delegates),
  get("delegates", delegate, 50),
  ...gets(
    "delegates",
    delegate,
    20,
    `active_staking_parameters active_stez_parameters baking_power companion_key consensus_key current_baking_power
     current_frozen_deposits current_voting_power dal_participation deactivated delegated_balance denunciations
     estimated_shared_pending_slashed_amount external_delegated external_staked frozen_deposits frozen_deposits_limit
     full_balance grace_period is_forbidden min_delegated_in_current_cycle own_delegated own_full_balance own_staked
     participation pending_staking_parameters pending_stez_parameters staking_balance staking_denominator
     stez_registered stez_staking_power total_delegated total_delegated_stake total_staked total_unstaked_per_cycle
     unstaked_frozen_deposits voting_info voting_power`,
  ),
  ...gets("delegates", delegate, 50, "delegated_contracts delegators stakers"),
];

const state: readonly HttpRoute[] = [
  ...gets(
    "context",
    context,
    10,
    `adaptive_issuance_launch_cycle constants constants/errors constants/parametric denunciations
     protocol/first_level seed_computation selected_snapshot total_currently_staked total_frozen_stake total_supply
     liquidity_baking/cpmm_address cache/contracts/size cache/contracts/size_limit issuance/current_yearly_rate
     issuance/current_yearly_rate_details issuance/current_yearly_rate_exact issuance/expected_issuance
     issuance/issuance_per_minute`,
  ),
  ...gets("context", context, 50, "cache/contracts/all"),
  get("context_nonce", `${context}/nonces/{level}`, 10),
  get("context_destination_index", `${context}/destination/{destination}/index`, 10),
  get("big_maps", `${context}/big_maps/{id}`, 100, queries.bigMap),
  get("big_maps_value", `${context}/big_maps/{id}/{expression}`, 20),
  get("sapling_diff", `${context}/sapling/{id}/get_diff`, 50, queries.sapling),
];

/** A cycle's rights are a list as long as the cycle. */
const rights = (name: string): HttpRoute => ({
  ...get(`rights_${name.replace("_rights", "")}`, `${ofBlock}/helpers/${name}`, 100, queries.rights),
  surcharge: ({ cycle = [] }) => (cycle.length > 0 ? 100 : 0),
});

const helpers: readonly HttpRoute[] = [
  rights("baking_rights"),
  rights("attestation_rights"),
  get("helpers_current_level", `${ofBlock}/helpers/current_level`, 10, queries.levelOffset),
  get("helpers_levels_in_current_cycle", `${ofBlock}/helpers/levels_in_current_cycle`, 10, queries.levelOffset),
  get("helpers_round", `${ofBlock}/helpers/round`, 10),
];

/** Reading by a body: nothing changes, so another node may be asked when the first is gone. */
const post = (
  name: string,
  path: string,
  weight: number,
  maxBodyBytes: number,
  more: Partial<HttpRoute> = {},
): HttpRoute => ({ name, verb: "POST", path, weight, maxBodyBytes, isRepeatable: true, ...more });

/** Scripts come in bodies, and need many times the room that they have in an operation. */
const scriptBytes = 512 * kib;
const scripts = `${ofBlock}/helpers/scripts`;

const posts = (base: string, group: string, weight: number, names: string, more: Partial<HttpRoute>): HttpRoute[] =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => post(`${group}_${name}`, `${base}/${name}`, weight, scriptBytes, more));

const computing: readonly HttpRoute[] = [
  post("scripts_run_operation", `${scripts}/run_operation`, 100, scriptBytes, { query: queries.version }),
  post("scripts_simulate_operation", `${scripts}/simulate_operation`, 100, scriptBytes, { query: queries.simulate }),
  ...posts(scripts, "scripts", 100, "run_code run_view run_script_view run_instruction", { check: checkGas }),
  ...posts(scripts, "scripts", 200, "trace_code", { check: checkGas }),
  ...posts(scripts, "scripts", 50, "pack_data typecheck_code typecheck_data script_size", { check: checkGas }),
  ...posts(scripts, "scripts", 50, "entrypoint entrypoints normalize_data normalize_script normalize_stack", {}),
  ...posts(scripts, "scripts", 50, "normalize_type", {}),
  post("forge_operations", `${ofBlock}/helpers/forge/operations`, 20, 256 * kib),
  post("parse_operations", `${ofBlock}/helpers/parse/operations`, 20, 256 * kib, {
    query: queries.version,
    check: checkOperations,
  }),
  post("preapply_operations", `${ofBlock}/helpers/preapply/operations`, 100, 256 * kib, {
    query: queries.version,
    check: checkOperations,
  }),
  post("contracts_big_map_get", `${contract}/big_map_get`, 20, 64 * kib),
  post("contracts_script_normalized", `${contract}/script/normalized`, 20, 4 * kib),
  post("contracts_storage_normalized", `${contract}/storage/normalized`, 20, 4 * kib),
  post("contracts_ticket_balance", `${contract}/ticket_balance`, 20, 64 * kib),
  post("big_maps_value_normalized", `${context}/big_maps/{id}/{expression}/normalized`, 20, 4 * kib),
  post("context_seed", `${context}/seed`, 10, 1 * kib),
];

const mempool: readonly HttpRoute[] = [
  get("mempool_filter", `${ofChain}/mempool/filter`, 10, queries.mempoolFilter),
  get("mempool_pending_operations", `${ofChain}/mempool/pending_operations`, 50, queries.pending),
];

const injection: HttpRoute = {
  name: "injection_operation",
  verb: "POST",
  path: "/injection/operation",
  weight: 100,
  isWrite: true,
  query: queries.injection,
  // Hex of at most 32 KiB, in quotes.
  maxBodyBytes: 64 * kib + 64,
  check: checkOperation,
  // The same operation has the same hash; but what a second node says of it would hide what the first one did.
  isRepeatable: false,
};

/** Two tenths of a unit a message, a unit a minute. */
const streamRule = { messageWeight: 2, messageBytes: 64 * kib, minuteWeight: 10 };
const stream = (name: string, path: string, query?: Query): HttpRoute => ({
  ...get(name, path, 10, query),
  stream: streamRule,
});

const streams: readonly HttpRoute[] = [
  stream("monitor_heads", "/monitor/heads/{chain}", queries.heads),
  stream("monitor_received_blocks", "/monitor/received_blocks/{chain}"),
  stream("monitor_applied_blocks", "/monitor/applied_blocks", queries.blockStreams),
  stream("monitor_validated_blocks", "/monitor/validated_blocks", queries.blockStreams),
  stream("monitor_bootstrapped", "/monitor/bootstrapped"),
  stream("monitor_protocols", "/monitor/protocols"),
  stream("monitor_active_chains", "/monitor/active_chains"),
  stream("monitor_operations", `${ofChain}/mempool/monitor_operations`, queries.pending),
];

export const octezRoutes: readonly HttpRoute[] = [
  ...[node, chain, blocks, contracts, delegates, state, helpers, computing, mempool].flat(),
  injection,
  ...streams,
];

/** Of an answer that is no stream. */
export const maxAnswerBytes = 32 * mib;
