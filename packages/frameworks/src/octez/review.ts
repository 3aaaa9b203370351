import { type ChainSpec, canonicalJson } from "@portolan/domain";
import type { ReviewProblem } from "../framework.ts";
import { problem as settingProblem } from "../review-problem.ts";
import { addressOf } from "./parameters.ts";
import { limitsOf } from "./plans.ts";
import { checkConstants } from "./protocols/check-constants.ts";
import { constantsOf, toSettingName } from "./protocols/constants-of.ts";
import { findProtocol, knownProtocols } from "./protocols/known-protocols.ts";
import type { ProtocolData } from "./protocols/protocol-data.ts";
import { maxTez, type OctezSettings, readSettings, toMutez } from "./settings.ts";

const problem = (member: string, message: string, hint: string): ReviewProblem =>
  settingProblem(`settings.${member}`, message, hint);

const mutezPerTez = 1_000_000n;
const toTez = (mutez: bigint): string => {
  const fraction = (mutez % mutezPerTez).toString().padStart(6, "0").replace(/0+$/, "");
  return `${mutez / mutezPerTez}${fraction === "" ? "" : `.${fraction}`}`;
};

const reviewSizes = (spec: ChainSpec, { bakers, rpcNodes }: OctezSettings): ReviewProblem[] => {
  const { maxBakers, maxRpcNodes } = limitsOf(spec);
  const tooMany = (path: string, count: number, most: number, what: string): ReviewProblem[] =>
    count <= most
      ? []
      : [problem(path, `Plan ${spec.plan} has at most ${most} ${what}.`, "Choose a larger plan, or fewer of them.")];
  return [
    ...tooMany("bakers", bakers, maxBakers, maxBakers === 1 ? "baker" : "bakers"),
    ...tooMany("rpcNodes", rpcNodes, maxRpcNodes, maxRpcNodes === 1 ? "RPC node" : "RPC nodes"),
  ];
};

/** Every account once, and all of them together within what the protocol can count. */
const reviewAccounts = (settings: OctezSettings): ReviewProblem[] => {
  const addresses = settings.accounts.map((account) => addressOf(account));
  const twice = addresses.flatMap((address, index) =>
    addresses.indexOf(address) === index
      ? []
      : [problem(`accounts.${index}`, `The account ${address} is there already.`, "Name each account once.")],
  );
  const balances = settings.accounts.map(({ balanceTez }) => toMutez(balanceTez));
  const total = balances.reduce(
    (sum, balance) => sum + balance,
    toMutez(settings.bakerStakeTez) * BigInt(settings.bakers),
  );
  if (total <= maxTez * mutezPerTez) return twice;
  const path = balances.length === 0 ? "bakerStakeTez" : "accounts";
  return [
    ...twice,
    problem(
      path,
      `Bakers and accounts have ${toTez(total)} tez together; the protocol counts in 63 bits, and ${maxTez} are the most here.`,
      "Give them less.",
    ),
  ];
};

/** A baker without stake has no rights: the chain would be activated and never have a second block. */
const reviewStake = (settings: OctezSettings, least: bigint, isSettable: boolean): ReviewProblem[] => {
  const stake = toMutez(settings.bakerStakeTez);
  if (stake >= least && stake > 0n) return [];
  const what = stake === 0n ? "no stake" : `a stake of ${toTez(stake)} tez`;
  return [
    problem(
      "bakerStakeTez",
      `A baker with ${what} has no rights, so that no block would be made: the protocol wants ${toTez(least)} tez.`,
      `Give each baker ${toTez(least)} tez or more${isSettable ? ", or lower constants.minimalStakeTez" : ""}.`,
    ),
  ];
};

const reviewConstants = (protocol: ProtocolData, settings: OctezSettings): ReviewProblem[] => {
  const constants = constantsOf(protocol, settings);
  const stake = BigInt(String(constants["minimal_stake"]));
  // Of what a baker itself puts at stake, which is no setting.
  const own = BigInt(String(constants["minimal_frozen_stake"]));
  const broken = checkConstants(protocol, constants).map(({ constant, message }) => {
    const name = toSettingName(constant);
    return problem(
      `constants.${name}`,
      message,
      "The protocol itself would refuse to be activated with it. Leave the constant out, or change those it has to agree with.",
    );
  });
  return [...broken, ...reviewStake(settings, stake > own ? stake : own, stake > own)];
};

/** The framework's `review`: whatever would leave the chain without a block is found at the quote. */
export const review = (spec: ChainSpec): readonly ReviewProblem[] => {
  const settings = readSettings(spec.settings);
  const protocol = findProtocol(settings.protocol);
  const unknown =
    protocol === undefined
      ? [
          problem(
            "protocol",
            `The protocol ${settings.protocol} is not known here: its constants differ from those of any other.`,
            `Known: ${knownProtocols.map(({ name, hash }) => `${name} (${hash})`).join(", ")}.`,
          ),
        ]
      : [];
  return [
    ...unknown,
    ...reviewSizes(spec, settings),
    ...reviewAccounts(settings),
    ...(protocol === undefined ? [] : reviewConstants(protocol, settings)),
  ];
};

/** Blocks that a node has dropped don't come back. */
const historyOnlyShrinks: { readonly [mode in OctezSettings["historyMode"]]: readonly OctezSettings["historyMode"][] } =
  {
    archive: ["archive", "full", "rolling"],
    full: ["full", "rolling"],
    rolling: ["rolling"],
  };

/** What the chain's beginning says stays as it is. */
export const reviewUpdate = (former: ChainSpec, next: ChainSpec): readonly ReviewProblem[] => {
  const [before, after] = [readSettings(former.settings), readSettings(next.settings)];
  const begun = ["bakers", "bakerStakeTez", "accounts", "constants"] as const;
  const problems = begun
    .filter((member) => canonicalJson(before[member]) !== canonicalJson(after[member]))
    .map((member) =>
      problem(
        member,
        `What a chain began with can't be changed: ${member}.`,
        member === "accounts" ? "Send tez from an account that has some." : "Make another chain.",
      ),
    );
  if (findProtocol(before.protocol)?.hash !== findProtocol(after.protocol)?.hash)
    problems.push(problem("protocol", "The protocol of a chain can't be changed.", "Make another chain."));
  if (!historyOnlyShrinks[before.historyMode].includes(after.historyMode))
    problems.push(
      problem(
        "historyMode",
        `Nodes that keep ${before.historyMode} have dropped what ${after.historyMode} would need.`,
        "Make another chain with it; a chain's history is kept from its beginning or not at all.",
      ),
    );
  return problems;
};
