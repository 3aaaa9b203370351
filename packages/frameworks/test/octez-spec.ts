import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { ChainSpec, JsonObject, Signer } from "@portolan/domain";
import { octezSettings } from "../src/octez/settings.ts";

/** A chain with one baker and one RPC node, as the API would make it from these settings. */
export const octezSpec = (settings: JsonObject = {}, wish: Partial<ChainSpec> = {}): ChainSpec => ({
  chainId: "chn_01jd0000000000000000000040",
  tenantId: "ten_01jd0000000000000000000040",
  name: "tezos",
  framework: "octez",
  version: "25.1",
  plan: "standard",
  settings: octezSettings.parse(settings) as JsonObject,
  regions: ["here"],
  parts: [],
  generation: 1,
  serial: 40,
  ...wish,
});

const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** The raw key behind a reference, always the same. */
const seedOf = (ref: string): Uint8Array => sha256(new TextEncoder().encode(ref));

/** Ed25519 keys by reference, as custody has them. */
export const octezSigner: Signer = {
  createKey: async (ref, algorithm) => {
    const der = Buffer.concat([spkiPrefix, ed25519.getPublicKey(seedOf(ref))]).toString("base64");
    return { ref, algorithm, publicKey: `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n` };
  },
  sign: async (ref, data) => ed25519.sign(data, seedOf(ref)),
};
