import { bytesToHex } from "@noble/hashes/utils.js";
import type { DerivedAccount } from "../evm/account.ts";
import { toWei } from "../evm/ether.ts";
import type { AnvilSettings } from "./settings.ts";

const zeros = (bytes: number): string => `0x${"00".repeat(bytes)}`;
const toHex = (value: bigint | number): string => `0x${value.toString(16)}`;

/**
 * The file for `anvil --init`, in geth's genesis form. anvil reads one member more, `alloc.<address>.secretKey`, and
 * unlocks that account (those of `fund` have none: their keys are their owners'): so no key and no mnemonic is ever in a process list. The file is secret as a whole.
 */
export const renderGenesis = (input: {
  chainId: number;
  settings: AnvilSettings;
  accounts: readonly DerivedAccount[];
  madeAt: Date;
}): string => {
  const { settings } = input;
  const alloc = new Map<string, { wei: bigint; secretKey?: string }>();
  for (const { address, privateKey } of input.accounts) {
    alloc.set(address.toLowerCase(), {
      wei: toWei(settings.balanceEther),
      secretKey: `0x${bytesToHex(privateKey)}`,
    });
  }
  // One address twice would be one member of the file twice: whoever funds an account of the node's adds to it.
  for (const { address, balanceEther } of settings.fund) {
    const found = alloc.get(address.toLowerCase());
    alloc.set(address.toLowerCase(), { ...found, wei: (found?.wei ?? 0n) + toWei(balanceEther) });
  }
  return JSON.stringify({
    config: { chainId: input.chainId },
    nonce: "0x0",
    timestamp: toHex(Math.floor(input.madeAt.getTime() / 1_000)),
    extraData: "0x",
    gasLimit: toHex(settings.gasLimit),
    difficulty: "0x0",
    mixHash: zeros(32),
    coinbase: zeros(20),
    baseFeePerGas: toHex(settings.baseFeeWei),
    alloc: Object.fromEntries(
      [...alloc].map(([address, { wei, secretKey }]) => [
        address,
        { balance: toHex(wei), ...(secretKey === undefined ? {} : { secretKey }) },
      ]),
    ),
  });
};
