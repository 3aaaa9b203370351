import type { JsonObject } from "@portolan/domain";
import { toAddress } from "./encoding/public-key.ts";
import { constantsOf } from "./protocols/constants-of.ts";
import type { ProtocolData } from "./protocols/protocol-data.ts";
import { type OctezSettings, toMutez } from "./settings.ts";

/** An account whose key the protocol is told becomes a baker, so tenants' accounts are told by address only. */
export const addressOf = ({ address, publicKey }: OctezSettings["accounts"][number]): string =>
  address ?? toAddress(publicKey ?? "");

/**
 * What the activation of the protocol gets: who has what at the beginning, and every constant. `bakers`: their public
 * keys. Pure.
 */
export const toParameters = (
  protocol: ProtocolData,
  settings: OctezSettings,
  bakers: readonly { publicKey: string }[],
): JsonObject => ({
  bootstrap_accounts: [
    ...bakers.map(({ publicKey }) => [publicKey, toMutez(settings.bakerStakeTez).toString()]),
    ...settings.accounts.map((account) => [addressOf(account), toMutez(account.balanceTez).toString()]),
  ],
  ...constantsOf(protocol, settings),
});
