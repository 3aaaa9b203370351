import type { EdgeApp, EdgeKey, EdgeRoute } from "@portolan/contract";
import { createKeyGuard, type KeyGuard } from "@portolan/domain";
import type { Grant } from "../pipeline/grant.ts";
import { createTokenBucket, type TokenBucket } from "../pipeline/token-bucket.ts";

/** A key as the pipeline holds it. The object stays the same for the key's life, so a revocation is seen at once. */
export interface KeyEntry {
  key: EdgeKey;
  guard: KeyGuard;
  hasRestrictions: boolean;
  expiresAtMs: number;
  /** Not in the snapshot any more: unknown. */
  isGone: boolean;
  readonly bucket: TokenBucket;
  /** What was worked out for it, by chain id. */
  readonly grants: Map<string, Grant>;
}

export interface AppEntry {
  app: EdgeApp;
}

/** One version of a route; a newer version is a new entry. */
export interface RouteEntry {
  readonly route: EdgeRoute;
  /** The connection to its node broke after this version: nothing is sent to it until a newer version says open. */
  isSuspect: boolean;
}

const expiryOf = ({ expiresAt }: EdgeKey): number => (expiresAt === null ? Infinity : Date.parse(expiresAt));
const isRestricted = ({ allow }: EdgeKey): boolean =>
  allow.origins.length + allow.addresses.length + allow.methods.length > 0;
const guardOf = ({ allow }: EdgeKey): KeyGuard =>
  createKeyGuard({ origins: [...allow.origins], addresses: [...allow.addresses], methods: [...allow.methods] });

export const createKeyEntry = (key: EdgeKey): KeyEntry => ({
  key,
  guard: guardOf(key),
  hasRestrictions: isRestricted(key),
  expiresAtMs: expiryOf(key),
  isGone: false,
  bucket: createTokenBucket(),
  grants: new Map(),
});

export const updateKeyEntry = (entry: KeyEntry, key: EdgeKey): void => {
  entry.key = key;
  entry.guard = guardOf(key);
  entry.hasRestrictions = isRestricted(key);
  entry.expiresAtMs = expiryOf(key);
  entry.isGone = false;
  entry.grants.clear();
};
