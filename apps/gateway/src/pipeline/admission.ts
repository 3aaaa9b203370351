import type { IncomingMessage } from "node:http";
import { credentialPrefixes } from "@portolan/domain";
import type { ProtocolSpec } from "@portolan/frameworks";
import type { Meter } from "@portolan/metering";
import type { Directory } from "../edge/directory.ts";
import type { Grant, RouteEntry } from "../edge/entries.ts";
import { createGrant } from "./grant.ts";
import { type Refusal, refusals } from "./refusal.ts";

export interface FrameworkTable {
  /** The protocols of a framework by slug; empty for an unknown one. */
  protocols(framework: string): readonly ProtocolSpec[];
  /** CU a second that a plan sells; absent or undefined: the app's own limit holds. */
  unitsPerSecond?(framework: string, plan: string): number | undefined;
  /** Whether a deleted chain of the plan can be restored for a while; absent: it can't. */
  hasRecoveryWindow?(framework: string, plan: string): boolean;
}

export interface AdmissionDeps {
  directory: Directory;
  frameworks: FrameworkTable;
  meter: Meter;
  wake(chainId: string, reason: "asleep" | "suspect"): void;
}

export interface Caller {
  secret: string | undefined;
  origin: string | undefined;
  address: string;
}

export interface Admission {
  /** From a chain id and a caller to what it may do there, cheapest refusals first. No I/O. */
  admit(protocol: string, chainId: string, caller: Caller): Grant | Refusal;
  /** The protocol of a chain that is the key's app's, whatever the state of either. No I/O. */
  protocolOf(protocol: string, chainId: string, secret: string | undefined): ProtocolSpec | undefined;
  /** Whether a standing connection may go on. */
  stillAdmits(grant: Grant, caller: Caller): boolean;
}

export const isGrant = (found: Grant | Refusal): found is Grant => "policy" in found;

/** The key as the caller sent it: `x-api-key`, then `Authorization: Bearer`, then the path. */
export const secretOf = (headers: IncomingMessage["headers"], fromPath: string | undefined): string | undefined => {
  const header = headers["x-api-key"];
  if (typeof header === "string") return header;
  const { authorization } = headers;
  if (authorization !== undefined && /^bearer /i.test(authorization)) return authorization.slice(7).trim();
  return fromPath;
};

/** What was sent instead of a key, by how it begins (a session's token is a JWT, RFC 7519): said, but never echoed. */
const notKey = (secret: string): Refusal => {
  if (secret.startsWith(`${credentialPrefixes.serviceAccountKey}_`)) return refusals.keyIsServiceAccount;
  if (secret.startsWith(`${credentialPrefixes.refreshToken}_`)) return refusals.keyIsRefreshToken;
  return secret.startsWith("eyJ") ? refusals.keyIsSessionToken : refusals.keyInvalid;
};

const noPolicy = {
  verdict: () => ({ kind: "deny" as const, reason: "the protocol has no methods" }),
  check: () => null,
  surcharge: () => 0,
  maxBatch: 0,
  maxBodyBytes: 0,
  timeoutMs: 30_000,
};

export const createAdmission = ({ directory, frameworks, meter, wake }: AdmissionDeps): Admission => {
  const deleted = ({ route }: RouteEntry): Refusal =>
    frameworks.hasRecoveryWindow?.(route.framework, route.plan) === true
      ? refusals.chainRestorable
      : refusals.chainDeleted;
  const stateRefusal = (entry: RouteEntry): Refusal | null => {
    const { route } = entry;
    switch (route.state) {
      case "open":
        if (!entry.isSuspect) return null;
        wake(route.chainId, "suspect");
        return refusals.unhealthy;
      case "asleep":
        wake(route.chainId, "asleep");
        return refusals.asleep;
      case "starting":
        return refusals.starting;
      case "paused":
        return refusals.paused;
      case "unhealthy":
        return refusals.unhealthy;
      case "suspended":
        return refusals.suspended;
      case "deleted":
        return deleted(entry);
    }
  };
  const admit = (protocolName: string, chainId: string, caller: Caller): Grant | Refusal => {
    const { secret, origin, address } = caller;
    if (secret === undefined || secret === "") return refusals.keyMissing;
    const key = directory.findKey(secret);
    if (key === null) return notKey(secret);
    if (key.key.isRevoked) return refusals.keyInvalid;
    if (key.expiresAtMs !== Infinity && key.expiresAtMs <= Date.now()) return refusals.keyExpired;
    const entry = directory.route(chainId);
    if (entry === undefined || entry.route.appId !== key.key.appId || entry.route.tenantId !== key.key.tenantId) {
      return refusals.chainUnknown;
    }
    if (entry.route.state === "deleted") return deleted(entry);
    const app = directory.app(entry.route.appId);
    if (app === undefined || app.app.state === "closed") return refusals.appClosed;
    if (app.app.state === "suspended") return refusals.suspended;
    if (entry.route.state !== "open" || entry.isSuspect) {
      const found = stateRefusal(entry);
      if (found !== null) return found;
    }
    if (key.hasRestrictions) {
      if (!key.guard.allowsOrigin(origin)) return refusals.originRefused;
      if (!key.guard.allowsAddress(address)) return refusals.addressRefused;
    }
    if (!meter.isAccepting) return refusals.unmetered;
    const grants = key.grants.get(protocolName);
    const known = grants?.get(chainId);
    if (known !== undefined && known.route === entry) return known;
    const protocol = frameworks.protocols(entry.route.framework).find(({ name }) => name === protocolName);
    if (protocol === undefined) return refusals.protocolMissing;
    const grant = createGrant({
      key,
      app,
      route: entry,
      protocol,
      policy: protocol.policy ?? noPolicy,
      meter,
      unitsPerSecond: frameworks.unitsPerSecond?.(entry.route.framework, entry.route.plan),
    });
    if (grants === undefined) key.grants.set(protocolName, new Map([[chainId, grant]]));
    else grants.set(chainId, grant);
    return grant;
  };
  return {
    admit,
    protocolOf: (protocolName, chainId, secret) => {
      const key = secret === undefined ? null : directory.findKey(secret);
      const route = directory.route(chainId)?.route;
      if (key === null || route?.appId !== key.key.appId || route.tenantId !== key.key.tenantId) return undefined;
      return frameworks.protocols(route.framework).find(({ name }) => name === protocolName);
    },
    stillAdmits: (grant, caller) => {
      const found = admit(grant.protocol.name, grant.route.route.chainId, caller);
      return isGrant(found);
    },
  };
};
