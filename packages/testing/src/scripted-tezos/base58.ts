import { sha256 } from "@noble/hashes/sha2.js";
import { createBase58check } from "@scure/base";

const coder = createBase58check(sha256);

interface Kind {
  prefix: readonly number[];
  size: number;
}

/** Written anew, so that a mistake of the code under test is not shared. */
export const kinds = {
  block: { prefix: [1, 52], size: 32 },
  operation: { prefix: [5, 116], size: 32 },
  operations: { prefix: [29, 159, 109], size: 32 },
  protocol: { prefix: [2, 170], size: 32 },
  context: { prefix: [79, 199], size: 32 },
  chain: { prefix: [87, 82, 0], size: 4 },
  key: { prefix: [13, 15, 37, 217], size: 32 },
  account: { prefix: [6, 161, 159], size: 20 },
} as const satisfies { readonly [kind: string]: Kind };

export const toText = ({ prefix }: Kind, bytes: Uint8Array): string =>
  coder.encode(Uint8Array.from([...prefix, ...bytes]));

/** Throws for a text of another kind. */
export const toBytes = ({ prefix, size }: Kind, text: string): Uint8Array => {
  const bytes = coder.decode(text);
  if (bytes.length !== prefix.length + size || !prefix.every((byte, index) => bytes[index] === byte))
    throw new Error(`${text} is of another kind`);
  return bytes.subarray(prefix.length);
};
