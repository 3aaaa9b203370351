export {
  type Authenticator,
  type CredentialLookups,
  createAuthenticator,
  type ServiceAccountRecord,
  type SessionRecord,
} from "./authenticator.ts";
export { hashCredential } from "./credential-hash.ts";
export { createLimiter, type Limiter } from "./limiter.ts";
export {
  createPasswordHasher,
  defaultPasswordCost,
  type PasswordCost,
  type PasswordHasher,
} from "./password-hasher.ts";
export { accessTokenSeconds, createSessionTokens, type SessionClaims, type SessionTokens } from "./session-tokens.ts";
export { loadSigningKey } from "./signing-key.ts";
