import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { HDKey } from "@scure/bip32";
import { mnemonicToSeedSync } from "@scure/bip39";

/** `0x` address with the mixed-case checksum of ERC-55. `hex`: 40 lower-case digits. */
const toChecksum = (hex: string): string => {
  const hash = bytesToHex(keccak_256(new TextEncoder().encode(hex)));
  const digits = [...hex].map((digit, index) =>
    Number.parseInt(hash.charAt(index), 16) >= 8 ? digit.toUpperCase() : digit,
  );
  return `0x${digits.join("")}`;
};

/** Address of a private key: the last 20 bytes of the key's uncompressed point, hashed (yellow paper, appendix F). */
export const toAddress = (privateKey: Uint8Array): string => {
  const point = secp256k1.getPublicKey(privateKey, false);
  return toChecksum(bytesToHex(keccak_256(point.subarray(1)).subarray(12)));
};

export interface DerivedAccount {
  address: string;
  /** BIP-44, coin type 60, as every wallet derives Ethereum accounts. */
  path: string;
  privateKey: Uint8Array;
}

/** The first `count` accounts of a mnemonic. */
export const deriveAccounts = (mnemonic: string, count: number): DerivedAccount[] => {
  const root = HDKey.fromMasterSeed(mnemonicToSeedSync(mnemonic));
  return Array.from({ length: count }, (_unused, index) => {
    const path = `m/44'/60'/0'/0/${index}`;
    const { privateKey } = root.derive(path);
    if (privateKey === null) throw new Error(`no private key at ${path}`);
    return { address: toAddress(privateKey), path, privateKey };
  });
};
