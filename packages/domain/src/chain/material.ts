import type { JsonValue } from "../json.ts";

export type SignatureAlgorithm = "ed25519" | "p256" | "secp256k1";

export interface PublicKeyInfo {
  /** Name of the key inside its chain's custody, e.g. `authority/org1`. */
  ref: string;
  algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, PEM. */
  publicKey: string;
}

/**
 * Signs by reference: an authority's private key stays in custody (or a KMS) and never reaches a framework,
 * a worker of a region or a log.
 */
export interface Signer {
  /** Makes the key if it is not there; the same `ref` always answers the same key. */
  createKey(ref: string, algorithm: SignatureAlgorithm): Promise<PublicKeyInfo>;
  /** Ed25519: raw 64 bytes; ECDSA: DER over SHA-256 of `data`. Throws `custody.unavailable`. */
  sign(ref: string, data: Uint8Array): Promise<Uint8Array>;
}

export type MaterialKind = "key" | "certificate" | "genesis" | "document" | "customerKey";

/** Something a chain needs that was made or received once: named, versioned, never silently remade. */
export interface MaterialItem {
  name: string;
  /** Counts from 1; a renewal is the next version. */
  version: number;
  kind: MaterialKind;
  owner: "plane" | "customer";
  /** What anyone who may read the chain may read. */
  public: JsonValue;
  /** True when a sealed part exists; it is opened only where it is needed, by reference. */
  hasSecret: boolean;
  expiresAt?: string;
  /** From when on it is due for renewal (RFC 3339). */
  renewAt?: string;
}

/** As `material` returns it: a fresh item may carry its secret, which the caller seals before it stores the row. */
export interface NewMaterialItem extends MaterialItem {
  secret?: Uint8Array;
}

/** Points at one material item; `field` picks a member where the secret is a JSON object. */
export interface MaterialRef {
  material: string;
  version: number;
  field?: string;
}
