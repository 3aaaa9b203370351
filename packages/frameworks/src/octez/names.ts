import type { MaterialItem } from "@portolan/domain";

/** Names of material, and of the key that custody signs with by reference. One place, so that nobody spells them. */
export const materialNames = {
  /** A node's X25519 key pair as its identity file (secret); public: `{ peerId, publicKey }`. */
  identity: (node: string): string => `node/${node}/identity`,
  /**
   * A baker's Ed25519 key. Secret: JSON `{ secretKey: "edsk…", secretKeysFile }`, the latter the client's file with it;
   * public: `{ publicKey: "edpk…", address: "tz1…" }`.
   */
  bakerKey: (node: string): string => `baker/${node}/key`,
  /**
   * Who activates the protocol. The key (Ed25519) stays in custody under the same name and is worth nothing afterwards;
   * public: `{ publicKey: "edpk…", address: "tz1…" }`.
   */
  activator: "activator",
  /** Public: `GenesisFacts`. Made once. */
  genesis: "genesis",
  /** The protocol's parameters as its activation gets them. Public: `{ protocol: hash, parameters }`. Made once. */
  parameters: "parameters",
} as const;

/** What the chain begins with, as `genesis` has it in public. */
export interface GenesisFacts {
  readonly [member: string]: string;
  /** Tells this chain's nodes from others' in their handshake. */
  chainName: string;
  /** Hash of block 0, `B…`. */
  block: string;
  /** `Net…`, made from `block`. */
  chainId: string;
  /** Hash of the protocol of block 0, which can only activate another. */
  protocol: string;
  /** RFC 3339, whole seconds. */
  timestamp: string;
  /** Public key (`edpk…`) of who may activate. */
  activator: string;
}

/** The item of a name; there is one version of each. */
export const findItem = (material: readonly MaterialItem[], name: string): MaterialItem | undefined =>
  material.find((item) => item.name === name);
