import { createHash } from "node:crypto";
import type { Random } from "@portolan/domain";

/** The same bytes for the same seed, in every run: SHA-256 of seed and counter. Not for secrets. */
export function seededRandom(seed: string | number): Random {
  let counter = 0;
  let rest = Buffer.alloc(0);
  return {
    bytes(size) {
      while (rest.length < size) {
        rest = Buffer.concat([rest, createHash("sha256").update(`${seed}/${counter}`).digest()]);
        counter += 1;
      }
      const taken = new Uint8Array(rest.subarray(0, size));
      rest = rest.subarray(size);
      return taken;
    },
  };
}
