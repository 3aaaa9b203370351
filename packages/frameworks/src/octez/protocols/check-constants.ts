import type { JsonObject, JsonValue } from "@portolan/domain";
import type { ProtocolData } from "./protocol-data.ts";

/** One of the protocol's rules that constants break, and the constant to look at. */
export interface BrokenRule {
  constant: string;
  message: string;
}

const benchmarkSquarings = 200_000n;
const shortCommitments = 32n;
/** `Slot_repr.max_value`: slots are 16 bits in what bakers sign. */
const maxSlots = 65_535n;

const member = (constants: JsonObject, path: string): JsonValue | undefined =>
  path
    .split(".")
    .reduce<JsonValue | undefined>(
      (value, name) =>
        typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject)[name] : undefined,
      constants,
    );

const readers = (constants: JsonObject) => {
  const whole = (path: string): bigint => {
    const value = member(constants, path);
    if (typeof value !== "number" && typeof value !== "string") throw new Error(`there is no constant ${path}`);
    return BigInt(value);
  };
  const list = (path: string): bigint[] => {
    const value = member(constants, path);
    if (!Array.isArray(value)) throw new Error(`there is no constant ${path}`);
    return value.map((item) => BigInt(String(item)));
  };
  return { whole, list };
};

type Rule = readonly [isKept: boolean, constant: string, message: string];

const blockRules = ({ whole }: ReturnType<typeof readers>): Rule[] => {
  const [delay, committee] = [whole("minimal_block_delay"), whole("consensus_committee_size")];
  const [threshold, increment] = [whole("consensus_threshold_size"), whole("delay_increment_per_round")];
  return [
    [delay > 0n, "minimal_block_delay", "The delay between blocks must be more than 0."],
    // The protocol takes 0 too, and says that no network may have it: rounds must become longer.
    [increment > 0n, "delay_increment_per_round", "Each round must be longer than the one before."],
    [committee > 0n, "consensus_committee_size", "The committee must have a slot."],
    // Not among the rules of the activation: the chain would begin, and no block could be made on it.
    [committee <= maxSlots, "consensus_committee_size", `The committee can't have more than ${maxSlots} slots.`],
    [
      threshold >= 0n && threshold <= committee,
      "consensus_threshold_size",
      `The consensus threshold can't be more than the committee, ${committee}.`,
    ],
    [
      whole("dal_parametric.number_of_shards") <= committee,
      "consensus_committee_size",
      `The committee must have at least the ${whole("dal_parametric.number_of_shards")} slots that data availability shares out.`,
    ],
    [
      whole("hard_gas_limit_per_operation") <= whole("hard_gas_limit_per_block"),
      "hard_gas_limit_per_operation",
      "An operation can't have more gas than a block.",
    ],
  ];
};

const cycleRules = ({ whole }: ReturnType<typeof readers>): Rule[] => {
  const [blocks, revelation] = [whole("blocks_per_cycle"), whole("nonce_revelation_threshold")];
  const [delay, difficulty] = [whole("minimal_block_delay"), whole("vdf_difficulty")];
  const squarings = whole("blocks_per_commitment") > shortCommitments ? benchmarkSquarings : 1n;
  const [least, most] = [5n * squarings * revelation * delay, benchmarkSquarings * blocks * delay];
  return [
    [
      revelation > 0n && revelation < blocks,
      "nonce_revelation_threshold",
      `Nonces must be revealed within more than 0 and fewer blocks than a cycle has, ${blocks}.`,
    ],
    [
      whole("blocks_per_commitment") > 0n && whole("blocks_per_commitment") <= blocks,
      "blocks_per_commitment",
      "A cycle must have a block that promises a nonce.",
    ],
    [difficulty >= least, "vdf_difficulty", `The VDF difficulty must be at least ${least} for these times and counts.`],
    [difficulty < most, "vdf_difficulty", `The VDF difficulty must be less than ${most} for these times and counts.`],
  ];
};

const cacheRules = ({ whole }: ReturnType<typeof readers>, { slashingDelay }: ProtocolData): Rule[] => {
  const wanted = whole("consensus_rights_delay") + BigInt(slashingDelay) + 2n;
  return ["stake_distribution", "sampler_state", "stake_info", "swrr_selected_distribution"].map((cache) => {
    const name = `cache_${cache}_cycles`;
    return [whole(name) === wanted, name, `${name} must be consensus_rights_delay + ${slashingDelay} + 2.`];
  });
};

const layerRules = ({ whole, list }: ReturnType<typeof readers>): Rule[] => {
  const [slots, lag] = [whole("dal_parametric.number_of_slots"), whole("dal_parametric.attestation_lag")];
  const lags = list("dal_parametric.attestation_lags");
  const ahead = whole("smart_rollup_max_lookahead_in_blocks");
  const ratio = (path: string): [bigint, bigint] => [whole(`${path}.numerator`), whole(`${path}.denominator`)];
  const [part, all] = ratio("minimal_participation_ratio");
  const [rewards, ofAll] = ratio("dal_parametric.rewards_ratio");
  return [
    [part >= 0n && all > 0n && part <= all, "minimal_participation_ratio", "The participation must be from 0 to 1."],
    [slots > 0n && slots <= 256n, "dal_parametric", "Data availability has 1 to 256 slots."],
    [lag > 1n, "dal_parametric", "The attestation lag must be more than 1."],
    [
      lags.at(-1) === lag && lags.every((value, index) => index === 0 || value > (lags[index - 1] ?? 0n)),
      "dal_parametric",
      "The attestation lags must increase and end with the attestation lag.",
    ],
    [rewards < ofAll, "dal_parametric", "The part of rewards for data availability must be less than 1."],
    [
      ahead > whole("smart_rollup_commitment_period_in_blocks") &&
        ahead > whole("smart_rollup_challenge_window_in_blocks"),
      "smart_rollup_max_lookahead_in_blocks",
      "Rollups must look further ahead than a commitment and a challenge last.",
    ],
    [
      whole("limit_of_delegation_over_baking") >= 0n,
      "limit_of_delegation_over_baking",
      "The limit of delegation can't be negative.",
    ],
  ];
};

/**
 * What the protocol itself looks at when it is activated (`check_constants` of its `constants_repr.ml`), and how many slots
 * it can name: constants that break it would leave the chain without a block for ever. Empty: they will do. Throws where one is missing.
 */
export const checkConstants = (protocol: ProtocolData, constants: JsonObject): BrokenRule[] => {
  const read = readers(constants);
  return [...blockRules(read), ...cycleRules(read), ...cacheRules(read, protocol), ...layerRules(read)]
    .filter(([isKept]) => !isKept)
    .map(([, constant, message]) => ({ constant, message }));
};
