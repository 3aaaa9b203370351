import type { JsonObject } from "@portolan/domain";
import { z } from "zod";
import { accountAddress } from "../evm/account-address.ts";
import { firstChainId, planeChainId } from "../evm/chain-id.ts";

/**
 * From the first with a base fee on (without one a genesis can't make gas free) to the last that Besu's release notes name
 * for QBFT: later ones want blobs and beacon roots, which its blocks don't have.
 */
export const hardforks = ["london", "shanghai"] as const;

/** Bytes, of EIP-170. */
export const defaultContractSize = 24_576;

const allocation = z.strictObject({
  address: accountAddress.describe("`0x` and 40 hexadecimal digits; in mixed case the ERC-55 checksum is looked at."),
  balanceEther: z
    .string()
    // Longer than any amount that fits, so that one that overflows is refused with a reason of its own.
    .regex(
      /^(?:0|[1-9][0-9]{0,79})(?:\.[0-9]{1,18})?$/,
      "must be a decimal number, not negative, with at most 80 digits and 18 decimals",
    )
    .describe("What the account has at genesis: Ether as a decimal string."),
});

const permissions = z.strictObject({
  accounts: z
    .array(accountAddress)
    .max(200)
    .exactOptional()
    .describe(
      "The accounts that may send transactions; without it every account may. Each node keeps the list itself, so it has to be the same everywhere, and is.",
    ),
  nodes: z
    .boolean()
    .default(false)
    .describe(
      "Whether nodes speak only with those of this chain, by their keys, besides what the network lets through.",
    ),
});

const size = (most: number) => z.number().int().min(1).max(most).exactOptional();

/** What a QBFT network is made of. What only another member or the plan can judge is said by `review`. */
export const besuSettings = z
  .strictObject({
    chainId: z
      .number()
      .int()
      .min(1)
      .max(firstChainId - 1)
      .exactOptional()
      .describe(
        "Leave it out: the chain gets an id that no other chain has, so that a transaction signed for one can't be replayed on another. One of your own must be no public network's and no other chain's of this plane; can't be changed.",
      ),
    validators: size(10).describe(
      "How many: 1 (development), or 4 to 10; 4 survive the loss of one, 7 of two. Without it what the plan has.",
    ),
    retiredValidators: z
      .array(z.number().int().min(0).max(99))
      .max(50)
      .default([])
      .describe("Numbers of validators that were taken out for good: `[1]` with 4 validators means 0, 2, 3 and 4."),
    rpcNodes: size(4).describe("Nodes that answer calls and seal no blocks. Without it what the plan has."),
    blockPeriodSeconds: z.number().int().min(1).max(60).default(2).describe("Time between blocks; can't be changed."),
    requestTimeoutSeconds: z
      .number()
      .int()
      .min(2)
      .max(600)
      .exactOptional()
      .describe(
        "How long validators wait for a block before the next one of them proposes. Without it twice the block period; can't be changed.",
      ),
    epochLength: z
      .number()
      .int()
      .min(100)
      .max(1_000_000)
      .default(30_000)
      .describe("Blocks after which votes that found no majority are forgotten; can't be changed."),
    gas: z
      .enum(["free", "priced"])
      .default("free")
      .describe(
        "`free`: transactions cost nothing, accounts need no Ether. `priced`: a base fee as on Ethereum. Can't be changed.",
      ),
    baseFeeWei: z
      .number()
      .int()
      .min(1)
      .max(1_000_000_000_000)
      .exactOptional()
      .describe(
        "Base fee of the first block where gas is `priced`, in wei; without it 1,000,000,000. Can't be changed.",
      ),
    gasLimit: z
      .number()
      .int()
      .min(5_000_000)
      .max(1_000_000_000)
      .default(30_000_000)
      .describe("Gas that fits into a block; can't be changed."),
    contractSizeLimit: z
      .number()
      .int()
      .min(defaultContractSize)
      .max(98_304)
      .default(defaultContractSize)
      .describe("Bytes of code that a contract may have; 24,576 on Ethereum. Can't be changed."),
    hardfork: z
      .enum(hardforks)
      .default("shanghai")
      .describe("The rules of the EVM: what contracts are compiled for (`evmVersion`); can't be changed."),
    allocations: z
      .array(allocation)
      .max(200)
      .default([])
      .describe("Accounts of your own that have Ether at genesis; can't be changed."),
    outside: z
      .array(z.enum(["validators", "rpc"]))
      .max(2)
      .exactOptional()
      .describe(
        "Nodes that other nodes from outside the region may join as neighbours (RLPx), by a port number of the region's entry. Whoever has the genesis may then follow the chain; who seals is for the validators to vote.",
      ),
    permissions: permissions
      .exactOptional()
      .describe("Who may send transactions, and which nodes speak with each other."),
  })
  .meta({ id: "BesuSettings" });

export type BesuSettings = z.output<typeof besuSettings>;

/** Settings out of a spec: they were parsed when they came in, so a failure here is a bug and throws. */
export const readSettings = (settings: JsonObject): BesuSettings => besuSettings.parse(settings);

/** Twice the period to start with, as Besu's documentation advises: a round that is too short never ends in a block. */
export const requestTimeoutOf = (
  settings: Pick<BesuSettings, "requestTimeoutSeconds" | "blockPeriodSeconds">,
): number => settings.requestTimeoutSeconds ?? 2 * settings.blockPeriodSeconds;

/** The chain's id: the tenant's own, which no other chain of the plane has, or one of the plane's numbering. */
export const evmChainId = (spec: { serial: number; settings: JsonObject }): number =>
  readSettings(spec.settings).chainId ?? planeChainId(spec);
