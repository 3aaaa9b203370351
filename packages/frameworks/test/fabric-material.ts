import { createHash } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import type {
  AddressesByRegion,
  ChainSpec,
  JsonObject,
  MaterialItem,
  NewMaterialItem,
  PartSpec,
  Signer,
} from "@portolan/domain";
import { seededRandom } from "@portolan/testing";
import { newP256Key } from "../src/fabric/crypto/p256-key.ts";
import { makeMaterial } from "../src/fabric/material.ts";
import { fabricSettings } from "../src/fabric/settings.ts";
import { topology } from "../src/fabric/topology.ts";

export const start = new Date("2026-01-01T00:00:00.000Z");
export const afterDays = (days: number): Date => new Date(start.getTime() + days * 86_400_000);

/**
 * Keys by reference, always the same ones; signatures are deterministic too, and every one of them is high-S, so that
 * whoever forgets to lower one is found.
 */
export const highSigner = (): Signer & { created: string[] } => {
  const created: string[] = [];
  const keyOf = (ref: string) => newP256Key(seededRandom(ref));
  return {
    created,
    createKey: async (ref, algorithm) => {
      created.push(ref);
      return { ref, algorithm, publicKey: keyOf(ref).publicKeyPem };
    },
    sign: async (ref, data) => {
      if (!created.includes(ref)) throw new Error(`there is no key ${ref}`);
      const der = Buffer.from(keyOf(ref).privateKeyPem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
      const digest = createHash("sha256").update(data).digest();
      const low = p256.Signature.fromBytes(
        p256.sign(digest, der.subarray(36, 68), { prehash: false, format: "der" }),
        "der",
      );
      return new p256.Signature(low.r, p256.Point.Fn.ORDER - low.s).toBytes("der");
    },
  };
};

export const part = (kind: string, name: string, settings: JsonObject, more: Partial<PartSpec> = {}): PartSpec => ({
  id: `${kind}_${name}`,
  kind,
  name,
  settings,
  generation: 1,
  ...more,
});

export const toSpec = (settings: JsonObject = {}, parts: readonly PartSpec[] = []): ChainSpec => ({
  chainId: "chn_00000000000000000000000001",
  tenantId: "tnt_00000000000000000000000001",
  name: "network",
  framework: "fabric",
  version: "3.1.5",
  plan: "standard",
  settings: fabricSettings.parse(settings) as JsonObject,
  regions: ["here"],
  parts,
  generation: 1,
  serial: 1,
});

/** Each port of each node gets its own number on `host`. */
export const reserve = (spec: ChainSpec, host = "127.0.0.1", first = 41_000): AddressesByRegion => {
  const ports = topology(spec).flatMap((node) => node.ports.map((port) => ({ node: node.name, port: port.name })));
  const here = ports.map((port, index) => {
    const number = first + index;
    return { ...port, host, number, bindHost: "127.0.0.1", bindNumber: number };
  });
  return { here };
};

const withoutSecret = ({ secret: _secret, ...item }: NewMaterialItem): MaterialItem => item;

/** A chain's material over time, as a store keeps it: the newest version of each item. */
export const createKeeper = (signer: Signer = highSigner()) => {
  const items = new Map<string, MaterialItem>();
  const secrets = new Map<string, string>();
  let passes = 0;
  return {
    signer,
    items: (): MaterialItem[] => [...items.values()],
    secret: (name: string): string => secrets.get(name) ?? "",
    /** The item's public part. */
    read: (name: string): { readonly [key: string]: unknown } => {
      const found = items.get(name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      return found.public as JsonObject;
    },
    get: (name: string): MaterialItem | undefined => items.get(name),
    put: (item: MaterialItem): void => {
      items.set(item.name, item);
    },
    /** One pass; answers what it made. */
    pass: async (spec: ChainSpec, now = start, addresses = reserve(spec)): Promise<NewMaterialItem[]> => {
      passes += 1;
      const random = seededRandom(passes);
      const made = await makeMaterial(spec, [...items.values()], { addresses, signer, random, now });
      for (const item of made) {
        if (item.version !== (items.get(item.name)?.version ?? 0) + 1)
          throw new Error(`${item.name} skips a version: ${item.version}`);
        items.set(item.name, withoutSecret(item));
        if (item.secret !== undefined) secrets.set(item.name, new TextDecoder().decode(item.secret));
      }
      return made;
    },
  };
};
