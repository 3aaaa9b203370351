import type { FileSpec, MaterialItem } from "@portolan/domain";
import type { PublicKeyFacts } from "../encoding/ed25519-key.ts";
import { findItem, materialNames } from "../names.ts";

/** Names of the files in a client's directory: the program knows no others. */
export const clientFileNames = ["public_key_hashs", "public_keys", "secret_keys"] as const;

/** Where a node's files have them. */
export const clientFile = (name: (typeof clientFileNames)[number]): string => `client/${name}`;

const toText = (name: string, value: unknown): string => `${JSON.stringify([{ name, value }])}\n`;

/**
 * A baker's key as the client's programs read it; the key's name is the node's. Throws where there is none.
 */
export const toClientFiles = (material: readonly MaterialItem[], node: string): FileSpec[] => {
  const item = findItem(material, materialNames.bakerKey(node));
  if (item === undefined) throw new Error(`${node} has no key to bake with`);
  const { publicKey, address } = item.public as PublicKeyFacts;
  const locator = `unencrypted:${publicKey}`;
  return [
    { name: clientFile("public_key_hashs"), content: { text: toText(node, address) }, mode: 0o644 },
    { name: clientFile("public_keys"), content: { text: toText(node, { locator, key: publicKey }) }, mode: 0o644 },
    {
      name: clientFile("secret_keys"),
      content: { secret: { material: item.name, version: item.version, field: "secretKeysFile" } },
      mode: 0o600,
    },
  ];
};
