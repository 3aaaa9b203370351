import type { JsonObject } from "@portolan/domain";
import { z } from "zod";
import { accountAddress, areDifferentAddresses } from "../evm/account-address.ts";
import { planeChainId } from "../evm/chain-id.ts";
import { toWei } from "../evm/ether.ts";

/** Names that anvil 1.7.1 takes for `--hardfork`, from the first with a base fee on: wallets and libraries expect one. */
export const hardforks = ["london", "paris", "shanghai", "cancun", "prague", "osaka"] as const;

export const maxBalanceEther = 1_000_000_000n;

const balanceEther = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,18})?$/, "must be a decimal number with at most 18 decimals")
  // A refinement also runs on text that the pattern has refused already.
  .refine((text) => !/^[0-9]{1,10}(?:\.[0-9]{1,18})?$/.test(text) || toWei(text) <= maxBalanceEther * 10n ** 18n, {
    message: `must be at most ${maxBalanceEther}`,
  });

const funded = z.strictObject({
  address: accountAddress.describe("`0x` and 40 hexadecimal digits; in mixed case the ERC-55 checksum is looked at."),
  balanceEther: balanceEther.describe("What the account has at genesis: Ether as a decimal string."),
});

const fund = z
  .array(funded)
  .max(20)
  .refine((list) => areDifferentAddresses(list.map(({ address }) => address)), {
    message: "must not have an address twice",
  })
  .default([])
  .describe(
    "Accounts of your own that have Ether at genesis. Their keys stay with you: sign at the client and send with `eth_sendRawTransaction`, which every plan offers.",
  );

const fork = z.strictObject({
  network: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, "must be the name of a listed network")
    .describe("Name of a network from the operator's list; an address is never taken."),
  blockNumber: z
    .number()
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .describe(
      "The block to stand on. Required: at each start it must be the same, or the state that was kept would not fit.",
    ),
});

export const anvilSettings = z
  .strictObject({
    chainId: z
      .literal([31_337, 1_337])
      .exactOptional()
      .describe(
        "Leave it out: the chain gets an id that no other chain has, so that a transaction signed for one can't be replayed on another. Only the two ids that development tools take for granted may be asked for instead.",
      ),
    accounts: z
      .number()
      .int()
      .min(1)
      .max(50)
      .default(10)
      .describe("Accounts that the node makes and signs for; only the development methods of the plan dev reach them."),
    balanceEther: balanceEther.default("10000").describe("What each of `accounts` has at genesis, in Ether."),
    fund,
    blockTimeSeconds: z
      .number()
      .int()
      .min(0)
      .max(3_600)
      .default(0)
      .describe("0: a block for each transaction, at once; otherwise a block each so many seconds."),
    hardfork: z.enum(hardforks).default("prague").describe("The rules of the EVM; from the first with a base fee on."),
    gasLimit: z
      .number()
      .int()
      .min(1_000_000)
      .max(1_000_000_000)
      .default(30_000_000)
      .describe("Gas that fits into a block."),
    baseFeeWei: z
      .number()
      .int()
      .min(0)
      .max(1_000_000_000_000)
      .default(1_000_000_000)
      .describe("Base fee of the first block, in wei; 0 makes gas free to begin with."),
    fork: fork
      .exactOptional()
      .describe("Begin as a copy of a public network at a block; the operator lists the networks."),
  })
  .meta({ id: "AnvilSettings" });

export type AnvilSettings = z.output<typeof anvilSettings>;

/** Settings out of a spec: they were parsed when they came in, so a failure here is a bug and throws. */
export const readSettings = (settings: JsonObject): AnvilSettings => anvilSettings.parse(settings);

/** A fork does not take its origin's id either: a transaction signed for one must not be replayed on the other. */
export const evmChainId = (spec: { serial: number; settings: JsonObject }): number =>
  readSettings(spec.settings).chainId ?? planeChainId(spec);
