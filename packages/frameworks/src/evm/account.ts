import { pbkdf2Sync } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { HDKey } from "@scure/bip32";

/** `0x` address with the mixed-case checksum of ERC-55. `hex`: 40 lower-case digits. */
export const toChecksum = (hex: string): string => {
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

const accountsPath = "m/44'/60'/0'/0";

/** BIP-39 without a passphrase. Node's own PBKDF2: the one in JavaScript takes longer than an anvil's start. */
const toSeed = (mnemonic: string): Uint8Array =>
  pbkdf2Sync(mnemonic.normalize("NFKD"), "mnemonic", 2_048, 64, "sha512");

/** The first `count` accounts of a mnemonic. */
export const deriveAccounts = (mnemonic: string, count: number): DerivedAccount[] => {
  const parent = HDKey.fromMasterSeed(toSeed(mnemonic)).derive(accountsPath);
  return Array.from({ length: count }, (_unused, index) => {
    const path = `${accountsPath}/${index}`;
    const { privateKey } = parent.deriveChild(index);
    if (privateKey === null) throw new Error(`no private key at ${path}`);
    return { address: toAddress(privateKey), path, privateKey };
  });
};
