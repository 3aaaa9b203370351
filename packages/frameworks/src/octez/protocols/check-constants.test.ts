import { describe, expect, test } from "vitest";
import { octezSettings } from "../settings.ts";
import { checkConstants } from "./check-constants.ts";
import { constantsOf } from "./constants-of.ts";
import { findProtocol, knownProtocols } from "./known-protocols.ts";
import { ushuaia } from "./ushuaia.ts";

const settingsOf = (constants: object, bakers = 1) => octezSettings.parse({ bakers, constants });
const broken = (change: object): string[] =>
  checkConstants(ushuaia, { ...ushuaia.constants, ...change }).map(({ constant }) => constant);
const ratio = (numerator: string, denominator: string) => ({ numerator, denominator });
const dal = (change: object) => ({ dal_parametric: { ...(ushuaia.constants["dal_parametric"] as object), ...change } });

describe("the protocol's own rules", () => {
  test.each(knownProtocols)("the constants of $title keep them, with each count of bakers", (protocol) => {
    for (const bakers of [1, 2, 3])
      expect(checkConstants(protocol, constantsOf(protocol, settingsOf({}, bakers)))).toEqual([]);
  });

  test.each([
    ["minimal_block_delay,vdf_difficulty", { minimal_block_delay: "0" }],
    ["delay_increment_per_round", { delay_increment_per_round: "0" }],
    ["consensus_threshold_size", { consensus_threshold_size: 257 }],
    ["consensus_threshold_size", { consensus_threshold_size: -1 }],
    ["consensus_committee_size", { consensus_committee_size: 255 }],
    ["consensus_committee_size", { consensus_committee_size: 65_536 }],
    ["hard_gas_limit_per_operation", { hard_gas_limit_per_operation: "1040001" }],
    ["nonce_revelation_threshold", { nonce_revelation_threshold: 0 }],
    ["nonce_revelation_threshold", { nonce_revelation_threshold: 128 }],
    [
      "blocks_per_commitment,vdf_difficulty",
      { blocks_per_cycle: 64, blocks_per_commitment: 65, vdf_difficulty: "50000000" },
    ],
    ["vdf_difficulty", { vdf_difficulty: "799" }],
    // More than 32 blocks between commitments count as a real network, whose delay must hold against fast processors.
    ["vdf_difficulty", { blocks_per_commitment: 33 }],
    ["vdf_difficulty", { vdf_difficulty: "128000000" }],
    ["cache_stake_distribution_cycles", { cache_stake_distribution_cycles: 6 }],
    ["cache_sampler_state_cycles", { cache_sampler_state_cycles: 4 }],
    ["cache_stake_info_cycles", { cache_stake_info_cycles: 4 }],
    ["cache_swrr_selected_distribution_cycles", { cache_swrr_selected_distribution_cycles: 4 }],
    ["minimal_participation_ratio", { minimal_participation_ratio: { numerator: 4, denominator: 3 } }],
    ["limit_of_delegation_over_baking", { limit_of_delegation_over_baking: -1 }],
    ["smart_rollup_max_lookahead_in_blocks", { smart_rollup_max_lookahead_in_blocks: 201_600 }],
    ["dal_parametric", dal({ number_of_slots: 0 })],
    ["dal_parametric", dal({ number_of_slots: 257 })],
    ["dal_parametric", dal({ attestation_lag: 1, attestation_lags: [1] })],
    ["dal_parametric", dal({ attestation_lags: [1, 2, 3, 4] })],
    ["dal_parametric", dal({ attestation_lags: [1, 3, 2, 5] })],
    ["dal_parametric", dal({ rewards_ratio: ratio("1", "1") })],
  ])("%s is found where it breaks one: %o", (constant, change) => {
    expect(broken(change).join(",")).toBe(constant);
  });

  test("what is just within them is taken", () => {
    for (const change of [
      { consensus_threshold_size: 256 },
      { consensus_committee_size: 65_535 },
      { nonce_revelation_threshold: 127 },
      { vdf_difficulty: "800" },
      { vdf_difficulty: "127999999" },
      { blocks_per_commitment: 33, nonce_revelation_threshold: 1, vdf_difficulty: "5000000" },
    ])
      expect(broken(change)).toEqual([]);
  });

  test("a constant that is missing is no accident to pass over", () => {
    const { vdf_difficulty: _gone, ...rest } = ushuaia.constants;
    expect(() => checkConstants(ushuaia, rest)).toThrow("vdf_difficulty");
  });
});

describe("constants of a chain", () => {
  test("are exactly the protocol's, with what the settings choose in the protocol's own form", () => {
    const chosen = constantsOf(
      ushuaia,
      settingsOf({ minimalBlockDelay: 2, blocksPerCycle: 64, costPerByte: 0, minimalStakeTez: "10.5" }),
    );
    expect(Object.keys(chosen).sort()).toEqual(Object.keys(ushuaia.constants).sort());
    expect(chosen).toMatchObject({
      minimal_block_delay: "2",
      blocks_per_cycle: 64,
      cost_per_byte: "0",
      minimal_stake: "10500000",
    });
  });

  test("one baker needs no quorum, more of them more than half, unless the settings say it", () => {
    const threshold = (bakers: number, constants = {}) =>
      constantsOf(ushuaia, settingsOf(constants, bakers))["consensus_threshold_size"];
    expect([1, 2, 3].map((bakers) => threshold(bakers))).toEqual([0, 129, 129]);
    expect(threshold(3, { consensusCommitteeSize: 301 })).toBe(151);
    expect(threshold(3, { consensusThresholdSize: 171 })).toBe(171);
  });

  test("a protocol is found by name and hash, and by nothing else", () => {
    expect(findProtocol("ushuaia")).toBe(ushuaia);
    expect(findProtocol(ushuaia.hash)).toBe(ushuaia);
    expect(findProtocol("PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu")).toBeUndefined();
  });
});
