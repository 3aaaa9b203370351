import { type AddressesByRegion, type ChainSpec, DomainError } from "@portolan/domain";
import { toNetworkDescription } from "../config/describe.ts";
import { toGenesisBlock } from "../config/genesis.ts";
import { materialNames } from "../names.ts";
import { channelsOf } from "../parts.ts";
import { type Draft, textOf } from "./draft.ts";

/**
 * Block 0 of each channel, made once: whoever joins later joins with it. A name is used once in a chain's life. The
 * orderers keep a channel's log when it goes, and would play it to another one of that name.
 */
export const addGenesisBlocks = (draft: Draft, spec: ChainSpec, addresses: AddressesByRegion): void => {
  const isKnown = (name: string, part: string): boolean => {
    const found = draft.find(materialNames.genesis(name));
    if (found === undefined) return false;
    if (textOf(found, "part") === part) return true;
    throw new DomainError({
      code: "chain.settings_invalid",
      message: `There was a channel "${name}" in this network before.`,
      hint: "Choose another name: a channel's name is used once.",
    });
  };
  const missing = channelsOf(spec).filter((channel) => !channel.isDeleted && !isKnown(channel.name, channel.id));
  if (missing.length === 0) return;
  // Identities are the many, and none of them stands in a channel's configuration.
  const material = draft.items().filter(({ name }) => !name.startsWith(materialNames.identity("")));
  for (const channel of missing) {
    const description = toNetworkDescription(spec, material, addresses, channel);
    const { block, hash } = toGenesisBlock(description, { nonce: draft.random.bytes(24), at: draft.now });
    draft.add([
      {
        name: materialNames.genesis(channel.name),
        version: 1,
        kind: "genesis",
        owner: "plane",
        public: { block: Buffer.from(block).toString("base64"), hash, part: channel.id },
        hasSecret: false,
      },
    ]);
  }
};
