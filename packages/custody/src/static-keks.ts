import { createHash } from "node:crypto";
import { keyBytes } from "./aes.ts";
import { unavailable } from "./error.ts";
import { type Kek, type KekProvider, kekIdForm } from "./kek.ts";

/** Public name of a key: the same key has the same id everywhere, and the id tells nothing of it. */
const fingerprint = (key: Uint8Array): string =>
  createHash("sha256").update("portolan/kek-id\n").update(key).digest("hex").slice(0, 16);

/** Reads `base64` or `id:base64`. The message never repeats the text. */
export const parseKek = (text: string, source: string): Kek => {
  const trimmed = text.trim();
  const colon = trimmed.indexOf(":");
  const encoded = colon < 0 ? trimmed : trimmed.slice(colon + 1);
  const key = Buffer.from(encoded, "base64");
  if (key.byteLength !== keyBytes || key.toString("base64") !== encoded)
    throw unavailable(
      `the key-encryption key in ${source} is not 32 bytes of base64`,
      "make one with: openssl rand -base64 32",
    );
  const id = colon < 0 ? fingerprint(key) : trimmed.slice(0, colon);
  if (!kekIdForm.test(id)) throw unavailable(`the id of the key-encryption key in ${source} is not usable`);
  return { id, key };
};

/** Several keys by id; the first seals. A closure, so that no object shows the bytes. */
export const createStaticKeks = (keks: readonly Kek[]): KekProvider => {
  const [first] = keks;
  if (!first) throw unavailable("no key-encryption key is configured");
  const known = new Map(keks.map((kek) => [kek.id, kek]));
  if (known.size !== keks.length) throw unavailable("two key-encryption keys have the same id");
  return {
    current: async () => first,
    byId: async (id) => {
      const found = known.get(id);
      if (!found)
        throw unavailable(
          "the key-encryption key of a secret is not configured",
          `add the key with id ${kekIdForm.test(id) ? id : "(unreadable)"} to the list of former keys`,
        );
      return found;
    },
  };
};

/**
 * Keys from environment variables that the caller read: `current` seals, `former` (comma-separated) still opens.
 * Each is 32 bytes of base64, with or without `id:` before it.
 */
export const createEnvironmentKeks = ({ current, former = "" }: { current: string; former?: string }): KekProvider =>
  createStaticKeks(
    [current, ...former.split(",").filter((text) => text.trim() !== "")].map((text) =>
      parseKek(text, "the environment"),
    ),
  );
