import {
  type Clock,
  credentialPrefixes,
  DomainError,
  type ErrorCode,
  type Principal,
  parseServiceAccountKey,
  type Role,
} from "@portolan/domain";
import { hashCredential } from "./credential-hash.ts";
import { createExpiringCache } from "./expiring-cache.ts";
import type { SessionTokens } from "./session-tokens.ts";

/** A session as far as a request needs it. `role` is the member's role now, not when the session began. */
export interface SessionRecord {
  sessionId: string;
  userId: string;
  tenantId: string;
  portalId: string;
  role: Role;
  expiresAt: Date;
}

export interface ServiceAccountRecord {
  id: string;
  tenantId: string;
  portalId: string;
  role: Role;
  expiresAt: Date | null;
}

/** What the authenticator asks of the store. Null: not there, ended, or its owner is not active. */
export interface CredentialLookups {
  session(sessionId: string): Promise<SessionRecord | null>;
  serviceAccount(secretHash: string): Promise<ServiceAccountRecord | null>;
}

export interface Authenticator {
  /** The `Authorization` header's principal. Throws `credential.missing`, `credential.invalid`, `credential.expired`. */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /** Ends what this process remembers of a session or service account. */
  forget(id: string): void;
}

const refuse = (code: ErrorCode, message: string, hint: string): DomainError =>
  new DomainError({ code, message, hint });
const signIn = "Sign in at POST /v1/sessions and send Authorization: Bearer <token>.";
const invalid = (hint = signIn) => refuse("credential.invalid", "The credential is not known or has ended.", hint);

/** Credentials of ours that are for something else, by how they begin: said, but never echoed. */
const misplaced: readonly (readonly [prefix: string, hint: string])[] = [
  [
    `${credentialPrefixes.key}_`,
    "What begins with ptl_ is an app's key, for calls through the gateway. The API takes a session's access token (POST /v1/sessions) or a service account's key, which begins with pts_.",
  ],
  [
    `${credentialPrefixes.refreshToken}_`,
    "What begins with ptr_ is a refresh token. Exchange it at POST /v1/sessions/refresh and send the access token that it gives.",
  ],
];
const expired = () =>
  refuse(
    "credential.expired",
    "The credential has expired.",
    "Use the refresh token at POST /v1/sessions/refresh, or sign in again.",
  );

const bearerPattern = /^Bearer +([\w.~+/=-]{1,2048})$/i;

/** Credential → principal, remembered for `cacheMs` (2 s unless told): that long an ended one may still be taken. */
export const createAuthenticator = (deps: {
  tokens: Pick<SessionTokens, "verify">;
  lookups: CredentialLookups;
  clock: Clock;
  cacheMs?: number;
  maxEntries?: number;
}): Authenticator => {
  const { tokens, lookups, clock, cacheMs: ttlMs = 2_000, maxEntries = 10_000 } = deps;
  const sessions = createExpiringCache<SessionRecord | null>({ ttlMs, maxEntries, clock });
  const accounts = createExpiringCache<ServiceAccountRecord | null>({ ttlMs, maxEntries, clock });

  const fromSession = async (token: string): Promise<Principal> => {
    const claims = await tokens.verify(token);
    if (claims === "expired") throw expired();
    if (claims === "invalid") throw invalid();
    const found = await sessions.get(claims.sessionId, () => lookups.session(claims.sessionId));
    if (found === null || found.userId !== claims.userId || found.tenantId !== claims.tenantId) throw invalid();
    if (found.expiresAt <= clock.now()) throw expired();
    const { userId: id, tenantId, portalId, role, sessionId } = found;
    return { kind: "user", id, tenantId, portalId, role, sessionId };
  };

  const fromServiceAccount = async (secret: string): Promise<Principal> => {
    // The checksum refuses typing errors and other products' keys without a look-up.
    if (parseServiceAccountKey(secret) === null) throw invalid();
    const hash = hashCredential(secret);
    const found = await accounts.get(hash, () => lookups.serviceAccount(hash));
    if (found === null) throw invalid();
    if (found.expiresAt !== null && found.expiresAt <= clock.now()) throw expired();
    const { id, tenantId, portalId, role } = found;
    return { kind: "serviceAccount", id, tenantId, portalId, role };
  };

  return {
    authenticate: async (authorization) => {
      if (authorization === undefined || authorization === "") {
        throw refuse("credential.missing", "This needs a credential.", signIn);
      }
      const credential = bearerPattern.exec(authorization)?.[1];
      if (credential === undefined) throw invalid();
      const elsewhere = misplaced.find(([prefix]) => credential.startsWith(prefix));
      if (elsewhere !== undefined) throw invalid(elsewhere[1]);
      return credential.startsWith("pts_") ? fromServiceAccount(credential) : fromSession(credential);
    },
    forget: (id) => {
      sessions.delete(id);
      accounts.deleteWhere((account) => account?.id === id);
    },
  };
};
