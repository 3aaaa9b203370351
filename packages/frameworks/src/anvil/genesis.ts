import { bytesToHex } from "@noble/hashes/utils.js";
import type { DerivedAccount } from "../evm/account.ts";
import { type AnvilSettings, toWei } from "./settings.ts";

const zeros = (bytes: number): string => `0x${"00".repeat(bytes)}`;
const toHex = (value: bigint | number): string => `0x${value.toString(16)}`;

/**
 * The file for `anvil --init`, in geth's genesis form. anvil reads one member more, `alloc.<address>.secretKey`, and
 * unlocks that account: so no key and no mnemonic is ever in a process list. The file is secret as a whole.
 */
export const renderGenesis = (input: {
  chainId: number;
  settings: AnvilSettings;
  accounts: readonly DerivedAccount[];
  madeAt: Date;
}): string => {
  const balance = toHex(toWei(input.settings.balanceEther));
  const alloc = input.accounts.map(({ address, privateKey }) => [
    address,
    { balance, secretKey: `0x${bytesToHex(privateKey)}` },
  ]);
  return JSON.stringify({
    config: { chainId: input.chainId },
    nonce: "0x0",
    timestamp: toHex(Math.floor(input.madeAt.getTime() / 1_000)),
    extraData: "0x",
    gasLimit: toHex(input.settings.gasLimit),
    difficulty: "0x0",
    mixHash: zeros(32),
    coinbase: zeros(20),
    baseFeePerGas: toHex(input.settings.baseFeeWei),
    alloc: Object.fromEntries(alloc),
  });
};
