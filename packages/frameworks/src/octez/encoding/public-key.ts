import { decodeBase58Check, encodeBase58Check, isBase58Check } from "./base58check.ts";
import { hash } from "./blake2b.ts";
import { type Encoding, encodings } from "./prefixes.ts";

const kinds: readonly { key: Encoding; address: Encoding }[] = [
  { key: encodings.ed25519PublicKey, address: encodings.ed25519Address },
  { key: encodings.secp256k1PublicKey, address: encodings.secp256k1Address },
  { key: encodings.p256PublicKey, address: encodings.p256Address },
];

const kindOf = (text: string) => kinds.find(({ key }) => isBase58Check(key.prefix, key.size, text));

/** Whether the text is a public key (edpk, sppk, p2pk) whose checksum is right. */
export const isPublicKey = (text: string): boolean => kindOf(text) !== undefined;

/** The account's address: 160 bits of BLAKE2b of the raw key. Throws when the text is no such key. */
export const toAddress = (publicKey: string): string => {
  const kind = kindOf(publicKey);
  if (kind === undefined) throw new Error("not a public key");
  const raw = decodeBase58Check(kind.key.prefix, kind.key.size, publicKey);
  return encodeBase58Check(kind.address.prefix, hash(raw, 20));
};
