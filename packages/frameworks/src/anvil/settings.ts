import type { JsonObject } from "@portolan/domain";
import { z } from "zod";

/** Names that anvil 1.7.1 takes for `--hardfork`, from the first with a base fee on: wallets and libraries expect one. */
export const hardforks = ["london", "paris", "shanghai", "cancun", "prague", "osaka"] as const;

export const maxBalanceEther = 1_000_000_000n;

/** Ether as a decimal text → wei. Exact: no doubles. */
export const toWei = (ether: string): bigint => {
  const [whole = "0", fraction = ""] = ether.split(".");
  return BigInt(whole) * 10n ** 18n + BigInt(fraction.padEnd(18, "0"));
};

const balanceEther = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,18})?$/, "must be a decimal number with at most 18 decimals")
  // A refinement also runs on text that the pattern has refused already.
  .refine((text) => !/^[0-9]{1,10}(?:\.[0-9]{1,18})?$/.test(text) || toWei(text) <= maxBalanceEther * 10n ** 18n, {
    message: `must be at most ${maxBalanceEther}`,
  });

const fork = z.strictObject({
  /** Name of a network from the operator's list. An address is never taken. */
  network: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, "must be the name of a listed network"),
  /** Required: at each start the chain must stand on the same block, or the state it kept would not fit. */
  blockNumber: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
});

export const anvilSettings = z
  .strictObject({
    /** The two ids that development tools expect by default; without it the chain gets an id of its own. */
    chainId: z.literal([31_337, 1_337]).exactOptional(),
    accounts: z.number().int().min(1).max(50).default(10),
    balanceEther: balanceEther.default("10000"),
    /** 0: a block per transaction. */
    blockTimeSeconds: z.number().int().min(0).max(3_600).default(0),
    hardfork: z.enum(hardforks).default("prague"),
    gasLimit: z.number().int().min(1_000_000).max(1_000_000_000).default(30_000_000),
    /** Of the first block; 0 makes gas free to begin with. */
    baseFeeWei: z.number().int().min(0).max(1_000_000_000_000).default(1_000_000_000),
    fork: fork.exactOptional(),
  })
  .meta({ id: "AnvilSettings" });

export type AnvilSettings = z.output<typeof anvilSettings>;

/** Settings out of a spec: they were parsed when they came in, so a failure here is a bug and throws. */
export const readSettings = (settings: JsonObject): AnvilSettings => anvilSettings.parse(settings);

/**
 * Where the plane's own chain ids begin. With `serial` (unique in the plane, never reused) they are unique, far below
 * 2^52 (EIP-2294 bounds ids so that `2 * id + 36` stays exact in doubles), and in a range where the public lists
 * (ethereum-lists/chains) have no entry. An id per chain is what keeps a transaction signed for one from being
 * replayed on another, so a fork does not take its origin's id either.
 */
export const firstChainId = 7_300_000_000;

export const evmChainId = (spec: { serial: number; settings: JsonObject }): number =>
  readSettings(spec.settings).chainId ?? firstChainId + spec.serial;
