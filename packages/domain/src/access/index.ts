export { crc32 } from "./crc32.ts";
export {
  type CredentialKind,
  credentialPrefixes,
  credentialSecretBytes,
  formatCredential,
  formatKey,
  formatRefreshToken,
  formatServiceAccountKey,
  type ParsedCredential,
  parseCredential,
  parseKey,
  parseRefreshToken,
  parseServiceAccountKey,
  redactCredentials,
} from "./credential.ts";
export { emailSchema, normalizeEmail } from "./email.ts";
export { type AddressRange, isInRange, parseAddressRange } from "./ip-address.ts";
export {
  createKeyGuard,
  type KeyGuard,
  type KeyRestrictions,
  keyRestrictionsSchema,
  noKeyRestrictions,
} from "./key-restrictions.ts";
export {
  checkPassword,
  normalizePassword,
  type PasswordProblem,
  passwordMaxLength,
  passwordMinLength,
  passwordProblemMessages,
  passwordProblems,
} from "./password.ts";
export { type KeyScope, keyScopeSchema, keyScopes, keyScopesSchema } from "./scope.ts";
