import type { JsonObject } from "@portolan/domain";
import { z } from "zod";
import { isAddress } from "./encoding/address.ts";
import { isPublicKey } from "./encoding/public-key.ts";

/** Of all accounts together. The protocol counts mutez in 63 bits, and rewards must have room for ever. */
export const maxTez = 1_000_000_000_000n;
const mutezPerTez = 1_000_000n;

/** Tez as a decimal text → mutez. Exact: no doubles. */
export const toMutez = (tez: string): bigint => {
  const [whole = "0", fraction = ""] = tez.split(".");
  return BigInt(whole) * mutezPerTez + BigInt(fraction.padEnd(6, "0"));
};

const tezPattern = /^(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,6})?$/;

/** How much is too much is said at the quote, beside the sum of all (see `review`). */
const tez = z
  .string()
  .regex(tezPattern, "must be a decimal number, not negative, with at most 19 digits and 6 decimals");

const account = z
  .strictObject({
    address: z
      .string()
      .max(64)
      .refine(isAddress, { message: "must be an address (tz1…, tz2…, tz3…, tz4…) whose checksum is right" })
      .exactOptional(),
    publicKey: z
      .string()
      .max(100)
      .refine(isPublicKey, { message: "must be a public key (edpk…, sppk…, p2pk…) whose checksum is right" })
      .exactOptional()
      .describe("Instead of the address, which is made from it."),
    balanceTez: tez.describe("What the account has from the beginning, in tez."),
  })
  .refine(({ address, publicKey }) => (address === undefined) !== (publicKey === undefined), {
    message: "must have an address or a public key, not both",
  });

const whole = (least: number, most: number) => z.number().int().min(least).max(most).exactOptional();

/**
 * Constants of the protocol under its own names (`blocksPerCycle` is `blocks_per_cycle`). Few: those that a private chain
 * has a reason to choose. What fits together is the protocol's own rule and checked at the quote.
 */
const constants = z
  .strictObject({
    minimalBlockDelay: whole(1, 3_600).describe("Seconds between blocks when all is well."),
    delayIncrementPerRound: whole(1, 3_600).describe("Seconds that each further attempt at a block takes longer."),
    blocksPerCycle: whole(4, 100_000).describe("Blocks of a cycle: rights, rewards and nonces go by it."),
    blocksPerCommitment: whole(1, 100_000).describe("How often a block promises a nonce."),
    nonceRevelationThreshold: whole(0, 100_000).describe("Blocks of a cycle within which nonces are revealed."),
    vdfDifficulty: z
      .string()
      .regex(/^[1-9][0-9]{0,17}$/, "must be a whole number as text")
      .exactOptional(),
    consensusCommitteeSize: whole(1, 100_000).describe("Slots of the committee that attests to a block."),
    consensusThresholdSize: whole(0, 100_000).describe(
      "Slots that must attest. Without it 0 with one baker, else more than half: bakers here may stop, they don't lie.",
    ),
    maxOperationsTimeToLive: whole(1, 10_000).describe("Blocks that an operation may wait before it is void."),
    hardGasLimitPerOperation: whole(1, 1_000_000_000),
    hardGasLimitPerBlock: whole(1, 1_000_000_000),
    costPerByte: whole(0, 1_000_000_000).describe("Mutez burnt for a byte of storage; 0 makes storage free."),
    minimalStakeTez: tez.exactOptional().describe("What a baker must have at stake to have rights."),
  })
  .default({});

export const octezSettings = z
  .strictObject({
    protocol: z
      .string()
      .regex(/^[A-Za-z0-9]{1,64}$/, "must be a protocol's name or hash")
      .default("ushuaia")
      .describe("The economic protocol, by name or hash; can't be changed."),
    bakers: z
      .number()
      .int()
      .min(1)
      .max(3)
      .default(1)
      .describe("Bakers, each with a node of its own and the same stake; can't be changed. Three survive one's loss."),
    rpcNodes: z.number().int().min(1).max(4).default(1).describe("Nodes that the gateway calls; they hold no stake."),
    historyMode: z
      .enum(["rolling", "full", "archive"])
      .default("rolling")
      .describe(
        "What RPC nodes keep: `rolling` the last cycles, `full` all blocks and the last cycles' state, `archive` everything.",
      ),
    historyCycles: z
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(5)
      .describe("Cycles that `rolling` and `full` keep beyond those that the protocol needs."),
    bakerStakeTez: tez
      .default("4000000")
      .describe(
        "What each baker has from the beginning, in tez; the protocol puts of it at stake what rights to bake need.",
      ),
    accounts: z
      .array(account)
      .max(50)
      .refine((list) => areDistinct(list.map(({ address, publicKey }) => address ?? publicKey ?? "")), {
        message: "must not have an account twice",
      })
      .default([])
      .describe("Accounts of your own that have tez from the beginning. Their keys stay with you."),
    constants: constants.describe("Constants of the protocol that differ from this framework's own; can't be changed."),
  })
  .meta({ id: "OctezSettings" });

const areDistinct = (texts: readonly string[]): boolean => new Set(texts).size === texts.length;

export type OctezSettings = z.output<typeof octezSettings>;
export type OctezConstants = OctezSettings["constants"];

/** Settings out of a spec: they were parsed when they came in, so a failure here is a bug and throws. */
export const readSettings = (settings: JsonObject): OctezSettings => octezSettings.parse(settings);
