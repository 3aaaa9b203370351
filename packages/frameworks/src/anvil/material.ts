import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { ChainSpec, MaterialItem, NewMaterialItem, Random } from "@portolan/domain";
import { entropyToMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { deriveAccounts } from "../evm/account.ts";
import { renderGenesis } from "./genesis.ts";
import { evmChainId, readSettings } from "./settings.ts";

export const materialNames = { mnemonic: "mnemonic", accounts: "accounts", genesis: "genesis" } as const;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * Mnemonic, accounts and genesis, made together once and for life: the genesis holds the accounts' keys, and a chain
 * whose genesis changes is another chain. All three exist or none does, since the caller stores a turn's items
 * together; a part of them alone throws rather than making accounts that fit nothing.
 */
export const makeMaterial = (
  spec: ChainSpec,
  existing: readonly Pick<MaterialItem, "name">[],
  context: { random: Random; now: Date },
): NewMaterialItem[] => {
  const names = Object.values(materialNames);
  const found = names.filter((name) => existing.some((item) => item.name === name));
  if (found.length === names.length) return [];
  if (found.length > 0) throw new Error(`material is incomplete: only ${found.join(", ")}`);

  const settings = readSettings(spec.settings);
  const chainId = evmChainId(spec);
  // 256 bits: 24 words.
  const mnemonic = entropyToMnemonic(context.random.bytes(32), wordlist);
  const accounts = deriveAccounts(mnemonic, settings.accounts);
  const genesis = encode(renderGenesis({ chainId, settings, accounts, madeAt: context.now }));
  const item = { version: 1, owner: "plane" } as const;
  return [
    {
      ...item,
      name: materialNames.mnemonic,
      kind: "key",
      public: { words: 24 },
      hasSecret: true,
      secret: encode(mnemonic),
    },
    {
      ...item,
      name: materialNames.accounts,
      kind: "document",
      public: { accounts: accounts.map(({ address, path }) => ({ address, path })) },
      hasSecret: false,
    },
    {
      ...item,
      name: materialNames.genesis,
      kind: "genesis",
      public: { chainId, hash: `sha256:${bytesToHex(sha256(genesis))}` },
      hasSecret: true,
      secret: genesis,
    },
  ];
};
