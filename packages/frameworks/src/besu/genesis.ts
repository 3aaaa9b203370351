import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { MaterialItem } from "@portolan/domain";
import { z } from "zod";
import { toWei } from "../evm/ether.ts";
import { toExtraData } from "./extra-data.ts";
import { materialNames } from "./names.ts";
import { type BesuSettings, defaultContractSize, requestTimeoutOf } from "./settings.ts";

const genesisFacts = z.object({
  chainId: z.number(),
  /** Text of the file, byte for byte as every node has it. */
  genesis: z.string(),
  /** `sha256:` and hexadecimal digits, of that text. Not the hash of block 0. */
  hash: z.string(),
  /** Addresses of the validators of block 0: lower case, ascending. */
  validators: z.array(z.string()),
});

/** What is public of a chain's genesis: all of it. */
export type GenesisFacts = z.output<typeof genesisFacts>;

/** Throws where it has not been made. */
export const genesisOf = (material: readonly Pick<MaterialItem, "name" | "public">[]): GenesisFacts => {
  const item = material.find(({ name }) => name === materialNames.genesis);
  if (item === undefined) throw new Error("the genesis has not been made");
  return genesisFacts.parse(item.public);
};

const toHex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Known by this value for a block whose proof is BFT (EIP-650's number, which QBFT kept). */
const bftMixHash = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365";

/** London's rules hold from block 0 on, so that no block is made under older ones. */
const blockForks = [
  "homesteadBlock",
  "eip150Block",
  "eip155Block",
  "eip158Block",
  "byzantiumBlock",
  "constantinopleBlock",
  "petersburgBlock",
  "istanbulBlock",
  "berlinBlock",
  "londonBlock",
];

const toConfig = (chainId: number, settings: BesuSettings) => ({
  chainId,
  ...Object.fromEntries(blockForks.map((fork) => [fork, 0])),
  ...(settings.hardfork === "shanghai" ? { shanghaiTime: 0 } : {}),
  ...(settings.gas === "free" ? { zeroBaseFee: true } : {}),
  ...(settings.contractSizeLimit === defaultContractSize ? {} : { contractSizeLimit: settings.contractSizeLimit }),
  qbft: {
    blockperiodseconds: settings.blockPeriodSeconds,
    epochlength: settings.epochLength,
    requesttimeoutseconds: requestTimeoutOf(settings),
  },
});

const toAlloc = ({ allocations }: BesuSettings): object =>
  Object.fromEntries(
    allocations.map(({ address, balanceEther }) => [
      address.slice(2).toLowerCase(),
      { balance: toHex(toWei(balanceEther)) },
    ]),
  );

/** `validators`: addresses. The same input gives the same text: it is the chain's identity. */
export const toGenesis = (input: {
  chainId: number;
  settings: BesuSettings;
  validators: readonly string[];
  madeAt: Date;
}): GenesisFacts => {
  const { chainId, settings, madeAt } = input;
  const validators = input.validators.map((address) => address.toLowerCase()).sort();
  const genesis = JSON.stringify({
    config: toConfig(chainId, settings),
    nonce: "0x0",
    // Nodes refuse a block that is not younger than the one before it.
    timestamp: toHex(Math.floor(madeAt.getTime() / 1_000)),
    gasLimit: toHex(settings.gasLimit),
    difficulty: "0x1",
    mixHash: bftMixHash,
    coinbase: `0x${"00".repeat(20)}`,
    ...(settings.gas === "priced" ? { baseFeePerGas: toHex(settings.baseFeeWei ?? 1_000_000_000) } : {}),
    extraData: toExtraData(validators),
    alloc: toAlloc(settings),
  });
  return { chainId, genesis, hash: `sha256:${bytesToHex(sha256(new TextEncoder().encode(genesis)))}`, validators };
};
