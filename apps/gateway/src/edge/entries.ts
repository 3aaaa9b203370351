import type { EdgeApp, EdgeKey, EdgeRoute } from "@portolan/contract";
import { createKeyGuard, type KeyGuard, type MethodVerdict, type RpcPolicy } from "@portolan/domain";
import type { ProtocolSpec } from "@portolan/frameworks";
import type { MeterSeries } from "@portolan/metering";
import type { Refusal } from "../pipeline/refusal.ts";
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
  /** What was worked out for it, by protocol and chain id. */
  readonly grants: Map<string, Map<string, Grant>>;
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

/** One method for one key on one chain, worked out once. */
export interface MethodGrant {
  method: string;
  verdict: Exclude<MethodVerdict, { kind: "deny" }>;
  /** dCU, before surcharges. */
  weight: number;
  /** What one call without surcharges adds to `series`. */
  quantity: number;
  series: MeterSeries;
  /** Whether `check` or `surcharge` wants to see the parameters. */
  readsParams: boolean;
  /** Its answers change how many snapshots the chain has. */
  tellsSnapshots: boolean;
}

/** What one key may do on one version of one chain's route. */
export interface Grant {
  readonly key: KeyEntry;
  readonly app: AppEntry;
  readonly route: RouteEntry;
  readonly protocol: ProtocolSpec;
  readonly policy: RpcPolicy;
  /** What the chain's plan sells, where it says so; else the app's limits hold. */
  readonly planLimits: AppEntry["app"]["limits"] | null;
  /** The method's grant, or why it is refused. Refusals are not remembered: their number has no bound. */
  method(name: string): MethodGrant | Refusal;
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
