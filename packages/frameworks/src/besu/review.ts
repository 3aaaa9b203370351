import type { ChainSpec } from "@portolan/domain";
import { areDifferentAddresses } from "../evm/account-address.ts";
import { toWei } from "../evm/ether.ts";
import { isPublicChain } from "../evm/public-chains/public-chain.ts";
import type { ReviewProblem } from "../framework.ts";
import type { OperatorConfig } from "../operator-config.ts";
import { problem as settingProblem } from "../review-problem.ts";
import { limitsOf, sizeOf } from "./plans.ts";
import { quorumOf } from "./quorum.ts";
import { type BesuSettings, readSettings } from "./settings.ts";
import { validatorOrdinals } from "./topology.ts";

const problem = (member: string, message: string, hint: string): ReviewProblem =>
  settingProblem(`settings.${member}`, message, hint);

const reviewSize = (spec: ChainSpec): ReviewProblem[] => {
  const { validators, rpcNodes } = sizeOf(spec);
  const { maxValidators, maxRpcNodes } = limitsOf(spec);
  const problems: ReviewProblem[] = [];
  if (validators === 2 || validators === 3)
    problems.push(
      problem(
        "validators",
        // Two of three go on without the third, but two such pairs share one validator only, which could sign in both.
        `${validators} validators bear none that fails: 2 of them must agree on each block, ${validators === 2 ? "so that the loss of one stops the chain" : "so that one that errs could make two blocks final in one place"}.`,
        "Take 1 for development, or at least 4, which bear the failure of one.",
      ),
    );
  if (validators > maxValidators)
    problems.push(
      problem("validators", `Plan ${spec.plan} has at most ${maxValidators} validators.`, "Choose a larger plan."),
    );
  if (rpcNodes > maxRpcNodes)
    problems.push(
      problem("rpcNodes", `Plan ${spec.plan} has at most ${maxRpcNodes} RPC nodes.`, "Choose a larger plan."),
    );
  return problems;
};

const maxWei = 2n ** 256n - 1n;

const reviewAllocations = ({ allocations, gas }: BesuSettings): ReviewProblem[] => {
  if (gas === "priced" && !allocations.some(({ balanceEther }) => toWei(balanceEther) > 0n))
    return [
      problem(
        "allocations",
        "Gas is priced and nobody has Ether at genesis, so that nobody could ever send a transaction.",
        "Name an account of yours with a balance, or make gas free.",
      ),
    ];
  if (!areDifferentAddresses(allocations.map(({ address }) => address)))
    return [
      problem("allocations", "An address stands there twice.", "Give each address once, with its whole balance."),
    ];
  const tooLarge = allocations.findIndex(({ balanceEther }) => toWei(balanceEther) > maxWei);
  if (tooLarge >= 0)
    return [
      problem(
        `allocations.${tooLarge}.balanceEther`,
        "The balance overflows: an account has at most 2^256 - 1 wei.",
        "Balances are in Ether, not in wei.",
      ),
    ];
  // A balance that others add up to must fit into an account as well.
  if (allocations.reduce((sum, { balanceEther }) => sum + toWei(balanceEther), 0n) > maxWei)
    return [
      problem("allocations", "Together the balances overflow 2^256 - 1 wei.", "Balances are in Ether, not in wei."),
    ];
  return [];
};

/** Besu's list of nodes is one of addresses: a neighbour that dials from another one than it is dialled at is refused. */
const reviewNodeList = ({ permissions }: BesuSettings, operator: OperatorConfig): ReviewProblem[] =>
  permissions?.nodes === true && operator.isSourceHidden === true
    ? [
        problem(
          "permissions.nodes",
          "In this region nodes don't see each other's addresses, so that Besu's list of nodes would part all of them.",
          "Leave it out: the region's network lets nobody but the chain's own nodes reach them.",
        ),
      ]
    : [];

/** Besu's list of nodes lets nobody else in, so that showing them would be for nothing. */
const reviewOutside = ({ permissions, outside = [] }: BesuSettings): ReviewProblem[] => {
  if (new Set(outside).size !== outside.length)
    return [problem("outside", "A kind of nodes stands there twice.", "Name each once.")];
  return permissions?.nodes === true && outside.length > 0
    ? [
        problem(
          "outside",
          "With `permissions.nodes` nodes speak only with those of this chain, so that nobody from outside could join them.",
          "Choose one of the two.",
        ),
      ]
    : [];
};

const reviewPermissions = ({ permissions, allocations }: BesuSettings): ReviewProblem[] => {
  const accounts = permissions?.accounts;
  if (accounts === undefined) return [];
  const path = "permissions.accounts";
  if (accounts.length === 0)
    return [
      problem(path, "With an empty list nobody may send a transaction.", "Leave the list out, or name an account."),
    ];
  if (!areDifferentAddresses(accounts)) return [problem(path, "An address stands there twice.", "Name each once.")];
  const lower = new Set(accounts.map((address) => address.toLowerCase()));
  const shut = allocations.filter(({ address }) => !lower.has(address.toLowerCase()));
  if (allocations.length > 0 && shut.length === allocations.length)
    return [
      problem(path, "No account that has Ether may send a transaction.", "Put one of `allocations` on the list."),
    ];
  return [];
};

const reviewRest = (settings: BesuSettings): ReviewProblem[] => {
  const problems: ReviewProblem[] = [];
  if (settings.chainId !== undefined && isPublicChain(settings.chainId))
    problems.push(
      problem(
        "chainId",
        `${settings.chainId} is the id of a public network, or of every development chain: what is signed for one would hold on the other.`,
        "Leave it out, or choose one that no list has.",
      ),
    );
  if (new Set(settings.retiredValidators).size !== settings.retiredValidators.length)
    problems.push(problem("retiredValidators", "A number stands there twice.", "Name each once."));
  if (settings.gas === "free" && settings.baseFeeWei !== undefined)
    problems.push(
      problem("baseFeeWei", "Where gas is free there is no base fee.", "Leave it out, or set `gas` to priced."),
    );
  const { requestTimeoutSeconds, blockPeriodSeconds } = settings;
  if (requestTimeoutSeconds !== undefined && requestTimeoutSeconds <= blockPeriodSeconds)
    problems.push(
      problem(
        "requestTimeoutSeconds",
        "Validators would give up on each block before it is due.",
        `Set it to more than the block period of ${blockPeriodSeconds} s; twice as long is a good beginning.`,
      ),
    );
  return problems;
};

/** The framework's `review`: what a network may be, by its plan and by what QBFT makes sense of. */
export const review = (spec: ChainSpec, operator: OperatorConfig): readonly ReviewProblem[] => {
  const settings = readSettings(spec.settings);
  return [
    ...reviewSize(spec),
    ...reviewAllocations(settings),
    ...reviewPermissions(settings),
    ...reviewNodeList(settings, operator),
    ...reviewOutside(settings),
    ...reviewRest(settings),
  ];
};

/** All that stands in the genesis, or that Besu reads from it. */
const fixed = [
  "chainId",
  "blockPeriodSeconds",
  "requestTimeoutSeconds",
  "epochLength",
  "gas",
  "baseFeeWei",
  "gasLimit",
  "contractSizeLimit",
  "hardfork",
  "allocations",
] as const satisfies readonly (keyof BesuSettings)[];

const reviewRetired = (former: ChainSpec, next: ChainSpec): ReviewProblem[] => {
  const path = "retiredValidators";
  const [before, after] = [readSettings(former.settings), readSettings(next.settings)];
  const problems = before.retiredValidators
    .filter((ordinal) => !after.retiredValidators.includes(ordinal))
    .map((ordinal) => problem(path, `Validator ${ordinal} was taken out for good.`, "Leave its number on the list."));
  const [old, left] = [validatorOrdinals(former), new Set(validatorOrdinals(next))];
  // With its key and ledger it would be another member of the same number.
  const unnamed = old.filter((ordinal) => !left.has(ordinal) && !after.retiredValidators.includes(ordinal));
  if (unnamed.length > 0)
    problems.push(
      problem(
        path,
        `Validators that are taken out are named, because their numbers are not used again: ${unnamed.join(", ")}.`,
        `Set it to [${[...after.retiredValidators, ...unnamed].sort((a, b) => a - b).join(", ")}].`,
      ),
    );
  const never = after.retiredValidators.filter(
    (ordinal) => !old.includes(ordinal) && !before.retiredValidators.includes(ordinal),
  );
  if (never.length > 0)
    problems.push(
      problem(path, `There are no validators ${never.join(", ")} to take out.`, "Name those that are there."),
    );
  const staying = old.filter((ordinal) => left.has(ordinal)).length;
  if (staying < quorumOf(old.length))
    problems.push(
      problem(
        path,
        `Of ${old.length} validators ${quorumOf(old.length)} must stay at a time, so that they agree on blocks whatever becomes of the others; ${staying} would.`,
        old.length === 1 ? "Make it four validators first." : "Take fewer of them out at once.",
      ),
    );
  return problems;
};

/** What block 0 says stays for ever, and validators go only while enough are left to agree. */
export const reviewUpdate = (former: ChainSpec, next: ChainSpec): readonly ReviewProblem[] => {
  const [before, after] = [readSettings(former.settings), readSettings(next.settings)];
  const changed = fixed.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return [
    ...changed.map((name) =>
      problem(name, "It stands in the genesis, which can't be changed.", "Make another chain with it."),
    ),
    ...reviewRetired(former, next),
  ];
};
