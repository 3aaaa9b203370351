/**
 * How many of `count` validators must seal a block: Besu's `BftHelpers.calculateRequiredValidatorQuorum`, two thirds
 * rounded up.
 */
export const quorumOf = (count: number): number => Math.ceil((2 * count) / 3);

/** How many validators must vote for a change of their set: more than half of those in force (`VoteTally`). */
export const majorityOf = (count: number): number => Math.floor(count / 2) + 1;

/**
 * Whether one of the `live` ones of `count` validators may be stopped for a while: more than two thirds must be left.
 * Fewer than four survive no loss, so that all of them must be live then and the blocks wait for it.
 */
export const mayStopOne = (live: number, count: number): boolean =>
  count < 4 ? live === count : (live - 1) * 3 > 2 * count;
