import type { JsonObject, JsonValue } from "@portolan/domain";
import { type OctezSettings, toMutez } from "../settings.ts";
import type { ProtocolData } from "./protocol-data.ts";

/** `blocksPerCycle` → `blocks_per_cycle`. */
export const toProtocolName = (setting: string): string =>
  setting.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `blocks_per_cycle` → `blocksPerCycle`. */
export const toSettingName = (constant: string): string =>
  constant.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A constant has the form that the protocol's own value has: large numbers are texts there. */
const likeBefore = (before: JsonValue | undefined, value: string | number): JsonValue =>
  typeof before === "string" ? String(value) : Number(value);

/**
 * More than half the committee: two such quorums share a baker, and bakers of one operator stop but don't lie. One baker
 * alone needs no quorum, and would stand still whenever the lottery of slots gave it too few.
 */
const defaultThreshold = (bakers: number, committee: JsonValue | undefined): number =>
  bakers === 1 ? 0 : Math.floor(Number(committee) / 2) + 1;

/** All of the protocol's constants as a chain with these settings has them. Pure; whether they agree is checked apart. */
export const constantsOf = (
  protocol: ProtocolData,
  settings: Pick<OctezSettings, "bakers" | "constants">,
): JsonObject => {
  const { minimalStakeTez, ...own } = settings.constants;
  const chosen: { [constant: string]: JsonValue } = { ...protocol.constants };
  for (const [setting, value] of Object.entries(own)) {
    const constant = toProtocolName(setting);
    if (value !== undefined) chosen[constant] = likeBefore(protocol.constants[constant], value);
  }
  if (minimalStakeTez !== undefined) chosen["minimal_stake"] = toMutez(minimalStakeTez).toString();
  if (settings.constants.consensusThresholdSize === undefined)
    chosen["consensus_threshold_size"] = defaultThreshold(settings.bakers, chosen["consensus_committee_size"]);
  return chosen;
};
